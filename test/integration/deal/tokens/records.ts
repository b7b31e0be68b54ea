import { change } from '../../../../src/store/change.js'
import type { Change } from '../../../../src/store/change.js'
import { uintCodec, tableMaker } from '../../../../src/store/definition.js'
import type { AnyTable, Codec } from '../../../../src/store/definition.js'
import { bytes, parts, text } from '../../../../src/store/key.js'
import type { Store } from '../../../../src/store/store.js'
import { idOf, tokens } from './resource.js'
import type { TokensTerms } from './resource.js'

const table = tableMaker('test/')

export type Role = 'buyer' | 'provider'

const codec: Codec<TokensTerms> = tokens.terms

/** Agreements by our role. */
const termsTable = table('tokens-terms', parts(text, bytes(32)), codec, {
  unbounded: 'a test agrees on few',
  forget: 'never'
})

/** Units that were used of each agreement. */
const usedTable = table('tokens-used', bytes(32), uintCodec, {
  unbounded: 'one for each agreement',
  forget: 'never'
})

export const TOKENS_TABLES = [termsTable, usedTable] as unknown as readonly AnyTable[]

/** The agreements of this node, with the units that were used. */
export class TokensRecords {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  get(role: Role, agreement: Buffer): TokensTerms | null {
    return this.#store.table(termsTable).get([role, agreement])
  }

  list(role: Role): { id: Buffer; terms: TokensTerms }[] {
    const rows = this.#store.table(termsTable).list({ gte: [role], lte: [role] })
    return [...rows].map(({ key: [, id], value }) => ({ id, terms: value }))
  }

  change(role: Role, terms: TokensTerms): Change {
    return change(termsTable, [role, idOf(terms)], terms)
  }

  used(agreement: Buffer): number {
    return this.#store.table(usedTable).get(agreement) ?? 0
  }

  async use(agreement: Buffer, units: number): Promise<void> {
    await this.#store.set(change(usedTable, agreement, units))
  }
}
