import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { sumOfFiles } from '../../../contracts/evidence/checksum.js'
import type { FileSum } from '../../../contracts/evidence/checksum.js'
import { ANSWER_BYTES, END_BYTES, HEAD_BYTES, KIND, PATH_BYTES } from '../guest/frames.js'
import type { EndFrame, FrameKind, LimitName } from '../guest/frames.js'
import { JOB_STATUS, MAX_REASON, MOST_EXIT_CODE } from '../../../contracts/job.js'
import { oneLine } from '../../../contracts/text.js'
import { faultOfPaths } from './job.js'
import type { SandboxFile, SandboxLimits } from './job.js'

/** The guest broke the protocol. */
export class Broken extends Error {}

export type Bounds = Pick<SandboxLimits, 'stdoutBytes' | 'stderrBytes' | 'outputBytes' | 'inodes'>

export interface ConversationListener {
  ready(): void
  loaded(): void
  compiled(): void
  refuel(used: bigint, missing: bigint): void
  ended(end: EndFrame): void
  done(): void
}

/** Allowed successors of each kind of frame. */
const NEXT: Record<FrameKind | 0, readonly FrameKind[]> = {
  0: [KIND.ready],
  [KIND.ready]: [KIND.loaded],
  [KIND.loaded]: [KIND.compiled, KIND.end],
  [KIND.compiled]: [KIND.refuel, KIND.end],
  [KIND.refuel]: [KIND.refuel, KIND.end],
  [KIND.end]: [KIND.stdout],
  [KIND.stdout]: [KIND.stderr],
  [KIND.stderr]: [KIND.path, KIND.done],
  [KIND.path]: [KIND.file],
  [KIND.file]: [KIND.path, KIND.done],
  [KIND.done]: []
}

/**
 * The host's side of the protocol with a guest. The child may be compromised, so nothing it sends is trusted: frames must
 * come in order, lengths are bounded before memory is allocated, and the host computes the hash from the received bytes.
 */
export class Conversation {
  stdout: Buffer = Buffer.alloc(0)
  stderr: Buffer = Buffer.alloc(0)
  readonly files: SandboxFile[] = []
  readonly #listener: ConversationListener
  #bounds: Bounds | null = null
  #last: FrameKind | 0 = 0
  #head = Buffer.alloc(HEAD_BYTES)
  #headed = 0
  #body: Buffer = Buffer.alloc(0)
  #filled = 0
  #hash: Hash | null = null
  #path = ''
  #sums: FileSum[] = []
  #stdoutSum = ''
  #bytes = 0

  constructor(listener: ConversationListener) {
    this.#listener = listener
  }

  /** Sets the bounds of a result. Before that, only `ready` is accepted. */
  expect(bounds: Bounds): void {
    this.#bounds = bounds
  }

  /** As in `Outcome.hash`. */
  get hash(): string {
    const stdout = this.#stdoutSum || createHash('sha256').digest('hex')
    return sumOfFiles(this.#sums).sha256 + stdout
  }

  /** Processes received bytes; throws `Broken`. */
  feed(bytes: Buffer): void {
    for (let at = 0; at < bytes.byteLength;) {
      if (this.#headed < HEAD_BYTES) {
        const part = bytes.subarray(at, at + HEAD_BYTES - this.#headed)
        part.copy(this.#head, this.#headed)
        this.#headed += part.byteLength
        at += part.byteLength
        if (this.#headed < HEAD_BYTES) return
        this.#begin(this.#head[0] as FrameKind, this.#head.readUInt32LE(1))
      }
      const part = bytes.subarray(at, at + this.#body.byteLength - this.#filled)
      part.copy(this.#body, this.#filled)
      this.#hash?.update(part)
      this.#filled += part.byteLength
      at += part.byteLength
      if (this.#filled === this.#body.byteLength) this.#end(this.#last as FrameKind, this.#body)
    }
  }

  #begin(kind: FrameKind, length: number): void {
    if (!NEXT[this.#last].includes(kind))
      throw new Broken(`it sent a frame of kind ${kind} after ${this.#last}`)
    if (kind !== KIND.ready && !this.#bounds) throw new Broken('it sent a frame before it got a job')
    const [least, most] = this.#lengths(kind)
    if (length < least || length > most) throw new Broken(`it sent ${length} bytes of kind ${kind}`)
    if (kind === KIND.path && this.files.length >= this.#bounds!.inodes)
      throw new Broken('it sent too many files')
    this.#last = kind
    this.#body = Buffer.allocUnsafeSlow(length)
    this.#filled = 0
    this.#hash = kind === KIND.stdout || kind === KIND.file ? createHash('sha256') : null
  }

  /** Smallest and largest body of a frame, bytes. */
  #lengths(kind: FrameKind): readonly [number, number] {
    if (kind === KIND.refuel) return [16, 16]
    if (kind === KIND.end) return [2, END_BYTES]
    if (kind === KIND.stdout) return [0, this.#bounds!.stdoutBytes]
    if (kind === KIND.stderr) return [0, this.#bounds!.stderrBytes]
    if (kind === KIND.path) return [1, PATH_BYTES]
    if (kind === KIND.file) return [0, this.#bounds!.outputBytes - this.#bytes]
    return [0, 0]
  }

  #end(kind: FrameKind, body: Buffer): void {
    this.#headed = 0
    this.#body = Buffer.alloc(0)
    this.#filled = 0
    if (kind === KIND.ready) this.#listener.ready()
    else if (kind === KIND.loaded) this.#listener.loaded()
    else if (kind === KIND.compiled) this.#listener.compiled()
    else if (kind === KIND.refuel) this.#listener.refuel(body.readBigUInt64LE(), body.readBigUInt64LE(8))
    else if (kind === KIND.end) this.#listener.ended(parseEnd(body))
    else if (kind === KIND.stdout) {
      this.stdout = body
      this.#stdoutSum = this.#hash!.digest('hex')
    } else if (kind === KIND.stderr) this.stderr = body
    else if (kind === KIND.path) this.#path = body.toString()
    else if (kind === KIND.file) {
      this.files.push({ path: this.#path, bytes: body })
      this.#sums.push({ path: this.#path, size: body.byteLength, sha256: this.#hash!.digest('hex') })
      this.#bytes += body.byteLength
    } else this.#settle()
    this.#hash = null
  }

  #settle(): void {
    const fault = faultOfPaths(this.files.map(({ path }) => path))
    if (fault) throw new Broken(fault)
    const keys = new Map(this.files.map(file => [file, Buffer.from(file.path)]))
    this.files.sort((a, b) => Buffer.compare(keys.get(a)!, keys.get(b)!))
    this.#listener.done()
  }
}

/** The answer to a request for fuel. */
export function answer(grant: bigint | null): Buffer {
  const bytes = Buffer.alloc(ANSWER_BYTES)
  bytes.writeUInt8(grant === null ? 0 : 1)
  bytes.writeBigUInt64LE(grant ?? 0n, 1)
  return bytes
}

const STATUS: readonly string[] = JOB_STATUS satisfies readonly EndFrame['status'][]
const LIMITS: readonly unknown[] = ['memory', 'output', 'inodes', 'fuel'] satisfies LimitName[]

function parseEnd(body: Buffer): EndFrame {
  const end = parse(body)
  const { status, limit, reason, exitCode, fuel, cpuMs, peakBytes } = end
  const count = (value: unknown, least = 0, most = Number.MAX_SAFE_INTEGER) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
  const isValid =
    STATUS.includes(status as string) &&
    (status === 'limit' ? LIMITS.includes(limit) : limit === null) &&
    typeof reason === 'string' &&
    (status === 'ok' ? reason === '' && count(exitCode, 0, MOST_EXIT_CODE) : exitCode === -1) &&
    typeof fuel === 'string' &&
    /^\d{1,19}$/.test(fuel) &&
    count(cpuMs) &&
    count(peakBytes)
  if (!isValid) throw new Broken('it sent an invalid end of the run')
  return { ...(end as unknown as EndFrame), reason: oneLine(reason, MAX_REASON) }
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString())
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new Broken('it sent an end of the run that is not JSON')
}
