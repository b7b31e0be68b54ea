import { createHash, randomBytes } from 'node:crypto'
import { PLAY_HEIGHT, PLAY_NETWORK } from '../network.js'

/** Hash of the block that every header here names as its parent, in internal byte order, as LDK expects. */
const PARENT = createHash('sha256').update(`bushel ${PLAY_NETWORK} ${PLAY_HEIGHT}`).digest()

const REGTEST_BITS = 0x207fffff

/** Hash of the block at which a new wallet starts. */
export const FIRST_BLOCK = createHash('sha256').update(PARENT).digest()

/** A block header at the constant height with the given time, seconds since 1970. */
export function headerAt(seconds: number): Buffer {
  const header = Buffer.alloc(80)
  header.writeInt32LE(0x20000000, 0)
  PARENT.copy(header, 4)
  header.writeUInt32LE(seconds, 68)
  header.writeUInt32LE(REGTEST_BITS, 72)
  randomBytes(4).copy(header, 76)
  return header
}

/**
 * A funding transaction that pays `sats` to the script. Its input is invented: there is no chain to check it. One input
 * with a witness, one output.
 */
export function fundingTransaction(script: Uint8Array, sats: bigint): Buffer {
  const fixed = (size: number, write: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.alloc(size)
    write(bytes)
    return bytes
  }
  if (script.length > 0xfc) throw new RangeError('script too long')
  return Buffer.concat([
    Buffer.from([2, 0, 0, 0, 0, 1]), // version 2; marker and flag of a segregated witness
    Buffer.from([1]),
    randomBytes(32), // the invented output: its transaction ...
    Buffer.from([0, 0, 0, 0]), // ... and index
    Buffer.from([0]), // no script
    Buffer.from([0xfd, 0xff, 0xff, 0xff]),
    Buffer.from([1]),
    fixed(8, bytes => bytes.writeBigUInt64LE(sats)),
    Buffer.from([script.length]),
    script,
    Buffer.from([2, 71]), // witness: what would be a signature ...
    Buffer.alloc(71, 1),
    Buffer.from([33]), // ... and a public key
    Buffer.alloc(33, 2),
    Buffer.from([0, 0, 0, 0])
  ])
}
