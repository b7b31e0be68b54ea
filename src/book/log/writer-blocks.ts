import messages from 'autobase/lib/messages.js'
import type { LogBlock } from 'autobase/lib/messages.js'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { MAX_OPERATION_BYTES } from '../view/operation.js'

const { OplogMessage } = messages

/** A block of a writer that is no block of a log: the writer broke the protocol, and its later blocks mean nothing. */
export class MalformedBlock extends Error {
  readonly writer: Buffer
  readonly index: number
  readonly why: string

  constructor(writer: Buffer, index: number, why: string) {
    super(`block ${index} of the writer is malformed: ${why}`)
    this.writer = writer
    this.index = index
    this.why = why
  }
}

/** Longest block beside its operation: heads, signatures and the trace of the view, bytes. */
const MOST_OVERHEAD = 64 * 1024
/** Most heads of a block: there is one for each writer at most. */
const MOST_HEADS = 1024
/** Most blocks that are applied together; a founder that catches up on two weeks of ticks writes 336. */
const MOST_IN_A_BATCH = 512

/**
 * Checks the blocks of writers in a store before a log reads them: Autobase follows their numbers without a look at them.
 * A read of a malformed block rejects with MalformedBlock, on every node with the same one.
 */
export function guardWriters(store: Corestore): void {
  const get = store.get.bind(store)
  store.get = options => {
    const core = get(options)
    if (!Buffer.isBuffer(options) && options.valueEncoding === OplogMessage) guardWriter(core)
    return core
  }
}

type Get = Hypercore['get']

function guardWriter(core: Hypercore): void {
  const get = core.get.bind(core) as Get
  let before: { index: number; batch: number } | null = null
  const checked = async (index: number, options?: Parameters<Get>[1]): Promise<LogBlock | null> => {
    const bytes = await get(index, { ...options, valueEncoding: 'binary' } as object)
    if (!bytes) return null
    const block = decoded(bytes)
    const left = before?.index === index - 1 ? before.batch - 1 : 0
    const why = typeof block === 'string' ? block : faultOf(block, core.key, index, left)
    if (why !== null) throw new MalformedBlock(core.key, index, why)
    before = { index, batch: (block as LogBlock).node.batch }
    return block as LogBlock
  }
  core.get = checked as unknown as Get
}

/** The block, or what is wrong with it. */
function decoded(bytes: Buffer): LogBlock | string {
  if (bytes.byteLength > MAX_OPERATION_BYTES + MOST_OVERHEAD) return `it has ${bytes.byteLength} bytes`
  try {
    return OplogMessage.decode({ buffer: bytes, start: 0, end: bytes.byteLength })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** What is wrong with the block at `index` of a writer, or null; `left` blocks of a batch that began before are still due. */
function faultOf({ node, checkpoint }: LogBlock, writer: Buffer, index: number, left: number): string | null {
  const { heads, batch, value } = node
  if (value && value.byteLength > MAX_OPERATION_BYTES) return `its operation has ${value.byteLength} bytes`
  if (batch < 1 || batch > MOST_IN_A_BATCH || (left > 0 && batch !== left))
    return `its batch of ${batch} blocks is none`
  if (heads.length > MOST_HEADS) return `it has ${heads.length} heads`
  const seen = new Set<string>()
  for (const { key, length } of heads) {
    if (length < 1 || (length > index && key.equals(writer)))
      return 'it stands on a block that is not before it'
    const head = `${key.toString('hex')}/${length}`
    if (seen.has(head)) return 'it names one head twice'
    seen.add(head)
  }
  if (checkpoint && !(checkpoint.system && checkpoint.user)) return 'its signatures are incomplete'
  return null
}
