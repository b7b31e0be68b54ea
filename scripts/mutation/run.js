// Runs Stryker over one room: it changes one place of a source at a time and runs the tests that reach the place. A
// mutant that no test notices shows a behaviour that nothing checks.
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Stryker } from '@stryker-mutator/core'

/** Where the copy of the project, the results of earlier runs and the reports stand. */
const OUT = '.mutation'

const beside = file => fileURLToPath(new URL(file, import.meta.url))

/** Each room with its sources and its tests: only deterministic ones of one process, because they run many times. */
const ROOMS = {
  contracts: {
    // Declarations of the schema run only when the codecs are generated; spec/ is generated.
    mutate: ['contracts/**/*.ts', '!contracts/spec/**', '!contracts/schema/!(codec).ts'],
    tests: ['dist/test/unit/contracts/**/*.test.js', 'dist/test/unit/cli/exit-codes.test.js']
  },
  payment: {
    mutate: ['src/payment/**/*.ts'],
    tests: ['dist/test/unit/payment/**/*.test.js']
  }
}

/** Leaves out the test of 100,000 payments: it takes seconds and reaches everything. */
const SMALL = '^(?!.* 100,000 )'

/** The rooms that `pattern` selects, each with the sources to mutate: a room, or one folder or file of it. */
export function roomsOf(pattern) {
  if (!pattern) return Object.entries(ROOMS)
  return Object.entries(ROOMS).flatMap(([name, room]) => {
    if (pattern === name) return [[name, room]]
    const path = pattern.endsWith('.ts') ? pattern : `${pattern.replace(/\/$/, '')}/**/*.ts`
    const folder = room.mutate[0].slice(0, room.mutate[0].indexOf('*'))
    return path.startsWith(folder) ? [[name, { ...room, mutate: [path, ...room.mutate.slice(1)] }]] : []
  })
}

/** Mutates a room. The exit code is 1 when fewer than 80 % of its mutants are killed. */
export async function mutate(name, { mutate, tests }) {
  const stryker = new Stryker({
    mutate,
    testRunner: 'mocha',
    mochaOptions: { spec: tests, grep: SMALL },
    // Mocha would load the tests with require, where the modules that they import cannot be replaced.
    testRunnerNodeArgs: ['--no-experimental-require-module', '--import', beside('replace-node-test.js')],
    plugins: ['@stryker-mutator/mocha-runner', beside('ignore-texts.js')],
    ignorers: ['texts-of-errors'],
    // The types of a mutant need not hold: TypeScript only removes them, once for all mutants of a run.
    buildCommand: 'tsc --noCheck --incremental false',
    disableTypeChecks: false,
    ignorePatterns: [
      '/*',
      '!/bin',
      '!/contracts',
      '!/src',
      '!/test',
      '!/bench',
      '!/docs',
      '!/dist',
      '!/*.json'
    ],
    coverageAnalysis: 'perTest',
    // A mutant of code that runs while modules load needs a new process, and every test: 250 of those took 92 % of the time.
    ignoreStatic: true,
    concurrency: Number(process.env.BUSHEL_MUTATE_CONCURRENCY ?? Math.ceil(availableParallelism() / 2)),
    incremental: true,
    incrementalFile: `${OUT}/${name}.json`,
    tempDirName: `${OUT}/tmp`,
    reporters: ['clear-text', 'html', 'progress-append-only'],
    clearTextReporter: { allowColor: false, reportTests: false, skipFull: false },
    htmlReporter: { fileName: `${OUT}/${name}.html` },
    thresholds: { high: 90, low: 80, break: 80 },
    allowConsoleColors: false
  })
  await stryker.runMutationTest()
}
