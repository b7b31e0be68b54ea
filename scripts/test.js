// npm test [-- PATTERN]: install, build, format, lint, layering, then every test file (or those whose path has PATTERN).
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ready } from './ready.js'
import { lint } from './lint.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pattern = process.argv[2] ?? ''
ready()
if (!pattern && !lint()) process.exit(1)
const files = readdirSync(join(root, 'dist', 'test'), { withFileTypes: true, recursive: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.test.js'))
  .map(entry => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
  .filter(file => file.includes(pattern))
  .sort()
if (!files.length) {
  process.stderr.write(`bushel: no test file has '${pattern}' in its path\n`)
  process.exit(2)
}
const args = ['--test', '--test-concurrency=2', '--test-reporter=spec', ...files]
const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(signal ? 130 : (code ?? 1)))
