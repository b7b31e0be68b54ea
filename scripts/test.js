// npm test [-- PATTERN]: installs, builds, checks format, lint rules and layers, then runs all test files. With PATTERN it
// skips the checks and runs the test files whose path contains PATTERN.
import { ready } from './ready.js'
import { lint } from './lint.js'
import { runTests, testFiles } from './run-tests.js'

const pattern = process.argv[2] ?? ''
ready()
if (!pattern && !lint()) process.exit(1)
const files = testFiles(file => file.includes(pattern))
if (!files.length) {
  process.stderr.write(`bushel: the path of no test file contains '${pattern}'\n`)
  process.exit(2)
}
// A test file that hangs fails after 20 minutes.
runTests(files, { timeout: 20 * 60_000 })
