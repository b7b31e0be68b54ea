// Stands in for node:test while mutants run, so that Stryker can run single tests many times in one process, which takes
// milliseconds: a process for each test file and mutant takes hundreds of times longer. Mocha runs the tests, one suite
// for each file. It has what the tests of the mutated rooms use and refuses the rest by having no such export.
import { fileURLToPath } from 'node:url'
import Mocha from 'mocha'

const { mock } = process.getBuiltinModule('node:test')
const suites = new Map()

/** The suite of the test file that is being loaded, by the stack of this call. */
function suite() {
  const [url] = /file:\/\/[^\s)]+\.test\.js/.exec(new Error().stack)
  const file = fileURLToPath(url)
  // Top-level statements of a file may wait for something: its suite stays open.
  if (!suites.has(file))
    describe(file.slice(file.indexOf('dist/test/')), function () {
      suites.set(file, Object.assign(this, { file }))
    })
  return suites.get(file)
}

export function test(name, run) {
  const of = suite()
  const one = new Mocha.Test(name, async () => {
    const afterwards = []
    try {
      await run({ name, mock, after: hook => void afterwards.push(hook), diagnostic: () => undefined })
    } finally {
      for (const hook of afterwards) await hook()
      mock.restoreAll()
    }
  })
  of.addTest(Object.assign(one, { file: of.file }))
}

export const before = hook => void suite().beforeAll(() => hook())
export const after = hook => void suite().afterAll(() => hook())
