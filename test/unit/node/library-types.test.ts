import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import type * as library from '../../../src/index.js'
import { CALLS } from '../../../src/node/api/calls.js'
import type * as declared from '../../../types/index.js'

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
type SameCalls = {
  [M in library.Method]: [
    Same<library.Params<M>, declared.Params<M>>,
    Same<library.Result<M>, declared.Result<M>>
  ]
}

/** The compiler refuses this where types/index.d.ts says something else than src/index.ts. */
export interface Agreement {
  methods: Same<library.Method, declared.Method>
  calls: SameCalls extends { [M in declared.Method]: [true, true] } ? true : never
  progress: Same<library.Progress, declared.Progress>
  node: library.Node extends declared.Node ? true : never
  open: Same<Parameters<typeof library.Node.open>, Parameters<typeof declared.Node.open>>
  call: Same<Parameters<library.Node['call']>[2], Parameters<declared.Node['call']>[2]>
  createHome: Same<typeof library.createHome, typeof declared.createHome>
  error: library.BushelError extends declared.BushelError ? true : never
}
export const agreement: Agreement = {
  methods: true,
  calls: true,
  progress: true,
  node: true,
  open: true,
  call: true,
  createHome: true,
  error: true
}

test('the types of the library are those that the declarations give', async () => {
  const script = new URL('../../../../scripts/library-types.js', import.meta.url)
  const { libraryTypes } = (await import(script.href)) as { libraryTypes: () => Promise<string> }
  const written = await readFile(new URL('../../../../types/index.d.ts', import.meta.url), 'utf8')
  assert.equal(written, await libraryTypes(), 'write them with: npm run docs')
  for (const method of Object.keys(CALLS)) assert.ok(written.includes(`\n  '${method}': {`), method)
})
