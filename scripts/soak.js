// npm run soak: runs the gates and the fuzzers for a long time. BUSHEL_GATE_KILLS, BUSHEL_GATE_MESSAGES and
// BUSHEL_FUZZ_RUNS set how long; BUSHEL_GATE_SEED repeats a failure.
import { ready } from './ready.js'
import { runTests, testFiles } from './run-tests.js'

const LONG = { BUSHEL_GATE_KILLS: '5000', BUSHEL_GATE_MESSAGES: '2000', BUSHEL_FUZZ_RUNS: '100' }

ready()
runTests(
  testFiles(file => /\/gate\/|fuzz/.test(file)),
  { env: { ...LONG, ...process.env } }
)
