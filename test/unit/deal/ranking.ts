import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Experience } from '../../../src/deal/sellers/matching.js'

/** The time at which every property ranks, ms. */
export const NOW = 1_000_000

interface Ranked {
  id: Buffer
  identity: Buffer
  price: bigint
}

type ExperienceOf = (identity: Buffer) => Experience | null
type Rank<Ask, Want> = (asks: readonly Ask[], want: Want, experience: ExperienceOf, now: number) => Ask[]

export const identity = fc.integer({ min: 0, max: 5 }).map(n => Buffer.alloc(32, n))
export const experiences: fc.Arbitrary<ExperienceOf> = fc
  .array(fc.option(fc.record({ good: fc.nat(5), bad: fc.nat(5), until: fc.constantFrom(0, NOW, NOW + 1) })), {
    minLength: 6,
    maxLength: 6
  })
  .map(list => who => list[who[0]!] ?? null)

/** Asks with different ids, of these fields beside their id. */
export function asksOf<T>(fields: fc.Arbitrary<T>): fc.Arbitrary<(T & { id: Buffer })[]> {
  return fc
    .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 255 }), fields), {
      selector: ([id]) => id,
      maxLength: 25
    })
    .map(list => list.map(([id, ask]) => ({ ...ask, id: Buffer.alloc(32, id) })))
}

export const hex = (list: readonly { id: Buffer }[]): string[] => list.map(({ id }) => id.toString('hex'))

/** A way to rank, and the asks and wants that it ranks. */
export interface Ranking<Ask, Want> {
  rank: Rank<Ask, Want>
  asks: fc.Arbitrary<Ask[]>
  wanted: fc.Arbitrary<Want>
}

export function assertOrderOfInputIgnored<Ask extends Ranked, Want>({
  rank,
  asks,
  wanted
}: Ranking<Ask, Want>): void {
  fc.assert(
    fc.property(asks, wanted, experiences, fc.infiniteStream(fc.nat()), (list, want, experience, random) => {
      const before = hex(list)
      const first = rank(list, want, experience, NOW)
      const shuffled = list
        .map(ask => ({ ask, at: random.next().value as number }))
        .sort((a, b) => a.at - b.at)
        .map(({ ask }) => ask)
      assert.deepEqual(hex(rank(shuffled, want, experience, NOW)), hex(first))
      assert.deepEqual(hex(list), before)
    })
  )
}

export interface Expected<Ask, Want> {
  /** Whether an ask can serve the want, apart from who offers it and at what price. */
  serves(ask: Ask, want: Want): boolean
  /** What asks are ordered by, least first. */
  key(ask: Ask, record: Experience | null): readonly (bigint | number | string)[]
}

/** Only fitting asks are ranked, in the expected order, at most two of one identity. */
export function assertRanking<Ask extends Ranked, Want extends { identity: Buffer; maxPrice: bigint | null }>(
  { rank, asks, wanted }: Ranking<Ask, Want>,
  { serves, key }: Expected<Ask, Want>
): void {
  fc.assert(
    fc.property(asks, wanted, experiences, (list, want, experience) => {
      const found = rank(list, want, experience, NOW)
      const fits = (ask: Ask): boolean =>
        serves(ask, want) &&
        (want.maxPrice === null || ask.price <= want.maxPrice) &&
        !ask.identity.equals(want.identity) &&
        (experience(ask.identity)?.until ?? 0) <= NOW
      for (const ask of found) assert.ok(fits(ask))
      for (const [i, ask] of found.entries()) {
        const next = found[i + 1]
        if (!next) break
        const a = key(ask, experience(ask.identity))
        const b = key(next, experience(next.identity))
        const at = a.findIndex((part, j) => part !== b[j])
        assert.ok(at >= 0 && a[at]! < b[at]!, 'in order')
      }
      for (let n = 0; n <= 5; n++) {
        const who = Buffer.alloc(32, n)
        const own = list.filter(ask => fits(ask) && ask.identity.equals(who)).length
        assert.equal(found.filter(ask => ask.identity.equals(who)).length, Math.min(own, 2))
      }
    })
  )
}
