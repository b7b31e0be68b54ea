import type { BlockProof, BlockReference, SealedCore } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { MAX_AUDIT_BLOCKS } from '../../../contracts/schema/counts.js'
import { settleCore } from '../../network/cores.js'
import { proofOf, sealOf } from '../lease/audit.js'
import type { Holder } from './holder.js'
import type { ShelvedCore } from './shelved-core.js'

type CoreOf = (key: Buffer) => ShelvedCore

/** Reads the cores of a holder from disk, for comparison with the owner's seal; throws INCOMPLETE. */
export function sealsOf({ id, cores }: Holder, coreOf: CoreOf): Promise<SealedCore[]> {
  return Promise.all(
    cores.map(({ key, length }) =>
      coreOf(key).use(async core => {
        if (!(await core.has(0, length))) throw new BushelError('INCOMPLETE', `'${id}' is not complete`)
        await settleCore(core)
        return sealOf(core, length)
      })
    )
  )
}

/**
 * Blocks with their Merkle proofs, for an audit of what was sealed, in the order asked. Throws bad input on a request out
 * of bounds, BLOCK_MISSING when one is not here.
 */
export function proofsOf(
  { cores }: Holder,
  blocks: readonly BlockReference[],
  coreOf: CoreOf
): Promise<BlockProof[]> {
  if (blocks.length > MAX_AUDIT_BLOCKS)
    throw new BushelError('BAD_INPUT', `an audit may ask for at most ${MAX_AUDIT_BLOCKS} blocks`)
  for (const { core, index } of blocks) {
    if (index >= (cores[core]?.length ?? 0))
      throw new BushelError('BAD_INPUT', `core ${core} has no block ${index} to audit`)
  }
  const prove = ({ core: position, index }: BlockReference): Promise<BlockProof> => {
    const { key, length } = cores[position]!
    return coreOf(key).use(core => proofOf(core, { position, index, length }))
  }
  return Promise.all(blocks.map(prove))
}
