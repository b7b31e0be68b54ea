import { open, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { TokenFile as Head } from '#spec'
import { KEY_BYTES, MOST_SPAN, TAG_BYTES, totalOf } from '../../../../contracts/evidence/audit-token.js'
import { MAX_TOKEN_SAMPLES } from '../../../../contracts/schema/counts.js'
import { struct } from '../../../../contracts/schema/codec.js'
import { replaceDurably } from '../../../base/disk/atomic-file.js'
import type { TokenRecorder } from '../../archive/token-recorder.js'

/** One audit token: what is asked, and the tags that are expected. */
export interface AuditToken {
  key: Buffer
  tags: Buffer
  samples: number
  spans: readonly number[]
}

const VERSION = 1
/** Bytes of the head, padded, so that the records begin at a known place. */
const HEAD_BYTES = 512
const LENGTH_BYTES = 2

const head = struct('token-file')

/**
 * Writes the tokens of a mirror: a head, then a record of the same size for each token, set by set and day by day. On disk when
 * it resolves.
 */
export async function writeTokens(file: string, recorder: TokenRecorder, made: number): Promise<void> {
  const { sets, days, spans } = recorder.plan
  const encoded = head.encode({
    version: VERSION,
    made,
    sets,
    days,
    samples: recorder.samples,
    spans: [...spans]
  })
  const first = Buffer.alloc(HEAD_BYTES)
  first.writeUInt16LE(encoded.byteLength)
  encoded.copy(first, LENGTH_BYTES)
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await replaceDurably(file, Buffer.concat([first, ...recorder.records()]))
}

/** The head of a file of tokens; null when there is none, or it cannot be read as one. */
export async function readHead(file: string): Promise<Head | null> {
  const bytes = await read(file, 0, HEAD_BYTES)
  if (!bytes) return null
  try {
    const found = head.decode(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + bytes.readUInt16LE()))
    return isSound(found) ? found : null
  } catch {
    return null // a rotten file is as good as none: the copy is audited without it
  }
}

/** The token of a set for a day; null when the file ends before it. */
export async function readToken(
  file: string,
  of: Head,
  set: number,
  day: number
): Promise<AuditToken | null> {
  const { samples, spans } = of
  const size = KEY_BYTES + samples * TAG_BYTES
  const record = await read(file, HEAD_BYTES + (set * of.days + day) * size, size)
  if (!record) return null
  return { key: record.subarray(0, KEY_BYTES), tags: record.subarray(KEY_BYTES), samples, spans }
}

/** Whether no provider can take offence at what the head says. */
function isSound({ version, sets, days, samples, spans }: Head): boolean {
  const total = totalOf(spans)
  const asks = samples > 0 && samples <= MAX_TOKEN_SAMPLES && total > 0 && total <= MOST_SPAN
  return version === VERSION && sets > 0 && days > 0 && asks
}

/** Null where the file has not got so many bytes, or cannot be read: the copy is audited without it. */
async function read(file: string, position: number, size: number): Promise<Buffer | null> {
  try {
    const handle = await open(file, 'r')
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, position)
      return bytesRead === size ? buffer : null
    } finally {
      await handle.close()
    }
  } catch {
    return null
  }
}
