import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const folder = dirname(createRequire(import.meta.url).resolve('autobase/package.json'))

/** The calls with which Autobase may end the process; `TamedBase` lets only plain errors reach each of them. */
const TAMED = [
  'index.js: this.ready().catch(safetyCatch)',
  'index.js: this._bump().catch(safetyCatch)',
  'index.js: const closing = this._advancing ? this._advancing.catch(safetyCatch) : null',
  'index.js: this.close().catch(safetyCatch)',
  'index.js: crashSoon(err)', // without a listener of `error`
  'index.js: for (const w of this.activeWriters) p.push(w.update(null).catch(safetyCatch))',
  'index.js: safetyCatch(err)', // a warning of its own
  'lib/apply-state.js: return this.update().catch(safetyCatch)',
  'lib/apply-state.js: process.exit(1)', // in a method that nothing calls
  'lib/fast-forward.js: safetyCatch(err)',
  'lib/timer.js: this._executing.catch(safetyCatch) // make sure it doesnt crash in the bg',
  'lib/wakeup.js: return this._add(core).catch(safetyCatch)'
]

test('Autobase has no place that ends the process but those that are tamed', async () => {
  const lib = await readdir(join(folder, 'lib'))
  const found: string[] = []
  for (const file of ['index.js', ...lib.sort().map(name => `lib/${name}`)]) {
    const lines = (await readFile(join(folder, file), 'utf8')).split('\n').map(line => line.trim())
    const ending = lines.filter(line => /safetyCatch\b|crashSoon\(|process\.exit|_assertNode\(/.test(line))
    found.push(...ending.map(line => `${file}: ${line}`))
  }
  const declared = /require\('safety-catch'\)|function crashSoon|^lib\/apply-state.js: (\/\/ |async )/
  assert.deepEqual(
    found.filter(line => !declared.test(line)),
    TAMED
  )
})
