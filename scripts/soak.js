// npm run soak: runs the gates and the fuzzers for a long time. BUSHEL_GATE_KILLS, BUSHEL_GATE_MESSAGES and
// BUSHEL_FUZZ_RUNS set how long; BUSHEL_GATE_SEED repeats a failure.
// npm run soak -- strangers [--minutes N]: attacks a small market for an hour (bench/strangers/soak/).
import { ready } from './ready.js'
import { runTests, testFiles } from './run-tests.js'

const LONG = { BUSHEL_GATE_KILLS: '5000', BUSHEL_GATE_MESSAGES: '2000', BUSHEL_FUZZ_RUNS: '100' }

ready()
const [what, ...rest] = process.argv.slice(2)
if (what === 'strangers') {
  process.argv = [process.argv[0], process.argv[1], ...rest]
  await import('../dist/bench/strangers/soak/soak.js')
} else {
  runTests(
    testFiles(file => /\/gate\/|fuzz/.test(file)),
    { env: { ...LONG, ...process.env } }
  )
}
