// Runs the built test files that are asked for, and ends as they end.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
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
const AT_ONCE = process.env.BUSHEL_TEST_CONCURRENCY ?? '4'

export function runTests(files, env = process.env) {
  const args = ['--test', `--test-concurrency=${AT_ONCE}`, '--test-reporter=spec', ...files]
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(signal ? 130 : (code ?? 1)))
}
