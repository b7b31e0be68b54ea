// npm test [-- PATTERN]: installs, builds, checks format, lint rules and layers, then runs all test files except those of
// test/system. With PATTERN it skips the checks and runs the test files whose path contains PATTERN.
// npm run test:system [-- PATTERN]: builds and runs the files of test/system, which take minutes.
import { sep } from 'node:path'
import { ready } from './ready.js'
import { lint } from './lint.js'
import { runTests, testFiles } from './run-tests.js'

const system = process.argv[2] === '--system'
const pattern = process.argv[system ? 3 : 2] ?? ''
ready()
if (!pattern && !system && !lint()) process.exit(1)
const isSystem = file => file.split(sep)[2] === 'system'
const files = testFiles(file => isSystem(file) === system && file.includes(pattern))
if (!files.length) {
  process.stderr.write(`bushel: the path of no ${system ? 'system ' : ''}test file contains '${pattern}'\n`)
  process.exit(2)
}
// A test file that hangs fails after this time.
runTests(files, { timeout: (system ? 40 : 25) * 60_000 })
