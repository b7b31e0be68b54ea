// Runs built test files; the exit code is 1 when a test fails, 130 when a signal stops the run.
import { readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const UNIT_RULE = new URL('./unit-rule.js', import.meta.url).href

/** Paths of the built test files, relative to the root of the project, that `wanted` accepts. */
export function testFiles(wanted) {
  return readdirSync(join(root, 'dist', 'test'), { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.test.js'))
    .map(entry => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter(wanted)
    .sort()
}

/** Number of test files at the same time. It is high because most tests mostly wait. */
const AT_ONCE = Number(process.env.BUSHEL_TEST_CONCURRENCY ?? 4)

/** Folders with the longest tests. They start first, so that no long test runs alone at the end. */
const FIRST = [
  'system/gate',
  'integration/gate',
  'story',
  'system',
  'integration/peers',
  'integration/compute',
  'integration/lightning',
  'integration/payment',
  'integration'
]

const rank = file => {
  const at = FIRST.findIndex(folder => file.startsWith(`dist/test/${folder}/`))
  return at < 0 ? FIRST.length : at
}

/** Runs the files, longest first; `node --test` would sort them by name. A file fails after `timeout` ms. */
export function runTests(files, { env = process.env, timeout = Infinity } = {}) {
  Object.assign(process.env, env)
  process.execArgv.push('--import', UNIT_RULE) // the runner gives its own flags to the process of each file
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stopping.abort())
  const tests = run({
    files: files.toSorted((a, b) => rank(a) - rank(b)).map(file => join(root, file)),
    concurrency: AT_ONCE,
    timeout,
    signal: stopping.signal
  })
  tests.on('test:fail', () => (process.exitCode = stopping.signal.aborted ? 130 : 1))
  tests.compose(new spec()).pipe(process.stdout)
}
