// npm run soak: the gates and the fuzzers for long. BUSHEL_GATE_KILLS, BUSHEL_GATE_MESSAGES and BUSHEL_FUZZ_RUNS say for how
// long, BUSHEL_GATE_SEED plays a failure again.
import { ready } from './ready.js'
import { runTests, testFiles } from './run-tests.js'

const LONG = { BUSHEL_GATE_KILLS: '5000', BUSHEL_GATE_MESSAGES: '2000', BUSHEL_FUZZ_RUNS: '100' }

ready()
runTests(
  testFiles(file => /\/gate\/|fuzz/.test(file)),
  { env: { ...LONG, ...process.env } }
)
