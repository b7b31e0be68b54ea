import type { Codec } from '../../../../contracts/schema/codec.js'
import type { Facts } from '../../../../src/store/facts.js'
import { idOf, tokens } from './resource.js'
import type { TokensTerms } from './resource.js'

export type Role = 'buyer' | 'provider'

const codec: Codec<TokensTerms> = tokens.terms

/** The agreements of this node, with the units that were used. */
export class TokensRecords {
  readonly #facts: Facts

  constructor(facts: Facts) {
    this.#facts = facts
  }

  get(role: Role, agreement: Buffer): TokensTerms | null {
    const kept = this.#facts.get(`tokens-${role}`, agreement)
    return kept && codec.decode(kept)
  }

  list(role: Role): { id: Buffer; terms: TokensTerms }[] {
    return [...this.#facts.list(`tokens-${role}`)].map(({ key, value }) => ({
      id: key,
      terms: codec.decode(value)
    }))
  }

  change(role: Role, terms: TokensTerms): { kind: string; key: Buffer; value: Buffer } {
    return { kind: `tokens-${role}`, key: idOf(terms), value: codec.encode(terms) }
  }

  used(agreement: Buffer): number {
    return this.#facts.get('tokens-used', agreement)?.readUInt32LE() ?? 0
  }

  async use(agreement: Buffer, units: number): Promise<void> {
    const value = Buffer.alloc(4)
    value.writeUInt32LE(units)
    await this.#facts.set({ kind: 'tokens-used', key: agreement, value })
  }
}
