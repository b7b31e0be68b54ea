import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import type { StateTable } from '../../../src/base/states.js'
import { MACHINES, statesPage } from '../../../src/node/states-page.js'

function packageRoot(): string {
  let at = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(at, 'package.json'))) at = dirname(at)
  return at
}

/** What a walk over a table stands on: null once the record is deleted. */
type Place = string | null

const tables = MACHINES.flatMap(({ states }) =>
  Object.entries(states.tables).map(([role, table]): [string, StateTable<string>] => [
    `${states.machine} of the ${role}`,
    table
  ])
)

function begins(table: StateTable<string>): string[] {
  return Object.keys(table).filter(name => table[name]!.begins !== undefined)
}

function next(table: StateTable<string>, name: string): Place[] {
  const { to = {}, deleted } = table[name]!
  return [...Object.keys(to), ...(deleted === undefined ? [] : [null])]
}

/** Every state that can follow these, and these. */
function reachable(table: StateTable<string>, from: readonly string[]): Set<Place> {
  const seen = new Set<Place>(from)
  for (const place of seen) if (place !== null) for (const one of next(table, place)) seen.add(one)
  return seen
}

test('docs/states.md is generated from the tables', () => {
  assert.equal(readFileSync(join(packageRoot(), 'docs', 'states.md'), 'utf8'), statesPage())
})

for (const [name, table] of tables) {
  test(`a random walk over the states of a ${name} ends only in a final state`, () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 40 }), choices => {
        const first = begins(table)
        let place: Place = first[choices[0]! % first.length]!
        for (const choice of choices.slice(1)) {
          if (place === null) return
          assert.ok(table[place], `${place} has no row`)
          const ways: Place[] = next(table, place)
          if (ways.length === 0) return assert.ok(table[place]!.final, `${place} has no way out`)
          place = ways[choice % ways.length]!
        }
        // Wherever the walk stops, a final state or the end of the record is still ahead.
        if (place === null) return
        const ahead = reachable(table, [place])
        const rests = [...ahead].some(one => one === null || table[one]!.final)
        assert.ok(rests, `from ${place} no final state can be reached`)
      }),
      { numRuns: 1000 }
    )
  })

  test(`every state and transition of a ${name} can be reached`, () => {
    const seen = reachable(table, begins(table))
    assert.deepEqual(
      Object.keys(table).filter(state => !seen.has(state)),
      []
    )
  })
}

test('every name of a machine is a state of one of its roles', () => {
  for (const { states } of MACHINES)
    assert.deepEqual(
      states.names.filter(name => !Object.values(states.tables).some(table => table?.[name])),
      [],
      states.machine
    )
})
