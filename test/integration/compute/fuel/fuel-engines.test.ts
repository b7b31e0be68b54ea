import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const script = fileURLToPath(new URL('./fuel-digest.js', import.meta.url))

async function told(...flags: string[]): Promise<Record<string, string>> {
  const { stdout } = await run(process.execPath, ['--stack-size=6500', ...flags, script], {
    maxBuffer: 64 * 1024 * 1024
  })
  return JSON.parse(stdout) as Record<string, string>
}

test('fuel, output, memory and call depth are the same under every compiler of the engine', async () => {
  const optimised = await told('--no-liftoff')
  assert.deepEqual(await told('--liftoff', '--no-wasm-tier-up'), optimised, 'the baseline compiler alone')
  assert.deepEqual(await told(), optimised, 'both, as usual')
  const recursions = Object.entries(optimised).filter(([name]) => name.startsWith('recursion'))
  assert.equal(recursions.length, 18)
  for (const [name, text] of recursions) assert.match(text, /trapped: unreachable$/, name)
})
