import type Hypercore from 'hypercore'
import type { BlockProof, SealedCore } from '#spec'
import { TAG_BYTES, pieceOf, spotsOf, writeTag } from '../../../contracts/evidence/audit-token.js'
import type { Spot } from '../../../contracts/evidence/audit-token.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { proofOf } from '../lease/audit.js'
import type { Holder } from './holder.js'
import type { ShelvedCore } from './shelved-core.js'

/** What an audit token asks for. */
export interface AskedToken {
  key: Buffer
  samples: number
  spans: readonly number[]
}

type CoreOf = (key: Buffer) => ShelvedCore

/**
 * The tags of the pieces that a token samples of what was sealed, in the order of the samples. Each block is read once. Throws
 * BLOCK_MISSING when one is not here.
 */
export async function tagsOf(
  { cores }: Holder,
  token: AskedToken,
  sealed: readonly SealedCore[],
  coreOf: CoreOf
): Promise<Buffer> {
  const spots = spotsOf(
    token.key,
    token,
    sealed.map(({ byteLength }) => byteLength)
  )
  const places = spots.map((spot, i) => ({ ...spot, at: i * TAG_BYTES }))
  const tags = Buffer.alloc(spots.length * TAG_BYTES)
  for (const [position, { key }] of cores.entries()) {
    const own = places.filter(({ core }) => core === position).sort((a, b) => a.offset - b.offset)
    if (own.length === 0) continue
    await coreOf(key).use(async core => {
      let read: { begin: number; block: Buffer } = { begin: 0, block: Buffer.alloc(0) }
      for (const { offset, at } of own) {
        if (offset >= read.begin + read.block.byteLength) read = await blockWith(core, offset)
        writeTag(tags, at, token.key, pieceOf(read.block, offset - read.begin))
      }
    })
  }
  return tags
}

/** The block that has a byte of the ciphertext, with its Merkle proof. Throws BLOCK_MISSING. */
export function proofAt(
  { cores }: Holder,
  { core: position, offset }: Spot,
  { length }: SealedCore,
  coreOf: CoreOf
): Promise<BlockProof> {
  return coreOf(cores[position]!.key).use(async core => {
    const found = await core.seek(offset, { wait: false })
    if (!found) throw missing(offset)
    return proofOf(core, { position, index: found[0], length })
  })
}

async function blockWith(core: Hypercore, offset: number): Promise<{ begin: number; block: Buffer }> {
  const found = await core.seek(offset, { wait: false })
  const block = found && (await core.get(found[0], { wait: false, raw: true }))
  if (!block) throw missing(offset)
  return { begin: offset - found[1], block }
}

function missing(offset: number): BushelError {
  return new BushelError('BLOCK_MISSING', `the block with byte ${offset} is not in the store`)
}
