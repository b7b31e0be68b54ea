import { randomBytes } from 'node:crypto'

/** A random id for a channel: a palindrome of bytes, because the bindings return ids with reversed bytes; below 2^124, their limit. */
export function newChannelId(): bigint {
  const half = randomBytes(8)
  half.writeUInt8(half.readUInt8(0) & 0x0f, 0)
  return BigInt('0x' + Buffer.concat([half, Buffer.from(half).reverse()]).toString('hex'))
}
