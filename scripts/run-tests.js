// Runs the built test files that are asked for, and ends as they end.
import { readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Paths of built test files, from the root of the project, for which `wanted` holds. */
export function testFiles(wanted) {
  return readdirSync(join(root, 'dist', 'test'), { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.test.js'))
    .map(entry => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter(wanted)
    .sort()
}

/** Files at a time: most tests wait for others most of the time. */
const AT_ONCE = Number(process.env.BUSHEL_TEST_CONCURRENCY ?? 4)

/** Folders whose tests take longest, for whole nodes play in them; they start first, so that none of them runs alone last. */
const FIRST = ['gate', 'story', 'peers', 'compute', 'lightning', 'payment']

const rank = file => {
  const at = FIRST.indexOf(file.split('/')[2])
  return at < 0 ? FIRST.length : at
}

/** In this order; `node --test` would sort them by name. A file that takes longer than `timeout`, ms, has failed. */
export function runTests(files, { env = process.env, timeout = Infinity } = {}) {
  Object.assign(process.env, env)
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
