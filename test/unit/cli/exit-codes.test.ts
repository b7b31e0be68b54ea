import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { EXIT } from '../../../contracts/errors/error-table.js'
import { ERROR_CODES, EXIT_CODES, exitCodesPage } from '../../../src/cli/exit-codes.js'
import { runCommandLine } from '../../parts/cli/command-line.js'

function packageRoot(): string {
  let at = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(at, 'package.json'))) at = dirname(at)
  return at
}

test('the page on exit codes matches the code', () => {
  assert.equal(readFileSync(join(packageRoot(), 'docs', 'exit-codes.md'), 'utf8'), exitCodesPage())
})

test('`bushel help exit-codes` lists every exit code and every error code', async () => {
  const { stdout } = await runCommandLine(['help', 'exit-codes'])
  for (const { exit, meaning } of EXIT_CODES) assert.match(stdout, new RegExp(`^ *${exit}  ${meaning}$`, 'm'))
  for (const { code, meaning } of ERROR_CODES)
    assert.ok(stdout.includes(code) && stdout.includes(meaning), code)
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
  assert.deepEqual(
    EXIT_CODES.map(({ exit }) => exit),
    Object.values(EXIT)
  )
  assert.equal(new Set(ERROR_CODES.map(({ code }) => code)).size, ERROR_CODES.length)
  const { lines } = await runCommandLine(['--json', 'help', 'exit-codes'])
  assert.deepEqual(lines, [{ exitCodes: [...EXIT_CODES], errorCodes: [...ERROR_CODES] }])
})
