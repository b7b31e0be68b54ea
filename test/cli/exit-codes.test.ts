import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { EXIT } from '../../contracts/errors/error.js'
import { ERROR_CODES, EXIT_CODES, exitCodesPage } from '../../src/cli/exit-codes.js'
import { typed } from './command-line.js'

function packageRoot(): string {
  let at = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(at, 'package.json'))) at = dirname(at)
  return at
}

test('the page in docs is what the code says', () => {
  assert.equal(readFileSync(join(packageRoot(), 'docs', 'exit-codes.md'), 'utf8'), exitCodesPage())
})

test('`bushel help exit-codes` tells every exit code and every error code', async () => {
  const { stdout } = await typed(['help', 'exit-codes'])
  for (const { exit, meaning } of EXIT_CODES) assert.match(stdout, new RegExp(`^ *${exit}  ${meaning}$`, 'm'))
  for (const { code, meaning } of ERROR_CODES)
    assert.ok(stdout.includes(code) && stdout.includes(meaning), code)
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
  assert.deepEqual(
    EXIT_CODES.map(({ exit }) => exit),
    Object.values(EXIT)
  )
  assert.equal(new Set(ERROR_CODES.map(({ code }) => code)).size, ERROR_CODES.length)
  const { lines } = await typed(['--json', 'help', 'exit-codes'])
  assert.deepEqual(lines, [{ exitCodes: [...EXIT_CODES], errorCodes: [...ERROR_CODES] }])
})

test('every code that an error is made with is in the table', () => {
  const known = new Set(ERROR_CODES.map(({ code }) => code))
  const root = packageRoot()
  const unknown: string[] = []
  for (const folder of ['src', 'contracts']) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
      if (!entry.name.endsWith('.ts') || entry.name.endsWith('.d.ts')) continue
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8')
      for (const code of codesIn(text)) if (!known.has(code)) unknown.push(`${entry.name}: ${code}`)
    }
  }
  assert.deepEqual(unknown, [], 'add them to src/cli/exit-codes.ts')
})

/** The codes given to `BushelError.kind(message, hint, 'CODE')` and `new BushelError({ code: 'CODE', ... })`. */
function* codesIn(text: string): Generator<string> {
  const made = /BushelError(?:\.(?:badInput|notFound|noOffer|payment|failed))?\(/g
  for (const match of text.matchAll(made)) {
    const call = balanced(text, match.index + match[0].length)
    const code = match[0].includes('.') ? /,\s*'([A-Z][A-Z_]+)'\s*$/ : /\bcode: '([A-Z][A-Z_]+)'/
    const found = code.exec(call)
    if (found) yield found[1]!
  }
}

/** The text up to the bracket that closes the call; brackets in strings are taken to be balanced. */
function balanced(text: string, from: number): string {
  let depth = 1
  for (let at = from; at < text.length; at++) {
    if (text[at] === '(') depth++
    else if (text[at] === ')' && --depth === 0) return text.slice(from, at)
  }
  return ''
}
