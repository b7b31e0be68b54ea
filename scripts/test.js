// npm test [-- PATTERN]: install, build, format, lint, layering, then every test file (or those whose path has PATTERN).
import { ready } from './ready.js'
import { lint } from './lint.js'
import { runTests, testFiles } from './run-tests.js'

const pattern = process.argv[2] ?? ''
ready()
if (!pattern && !lint()) process.exit(1)
const files = testFiles(file => file.includes(pattern))
if (!files.length) {
  process.stderr.write(`bushel: no test file has '${pattern}' in its path\n`)
  process.exit(2)
}
// One that hangs is to be told of, not waited for.
runTests(files, { timeout: 20 * 60_000 })
