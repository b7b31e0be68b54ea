import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GIB, HOUR, MINUTE } from '../../../contracts/money/quantity.js'
import type { DeclineError } from '../../../src/deal/decline.js'
import { FUEL_VERSION } from '../../../src/compute/fuel/meter.js'
import { assertRunnable } from '../../../src/compute/provider/admission.js'
import type { Capacity, Needs } from '../../../src/compute/provider/admission.js'
import { DEFAULT_LIMITS } from '../../../src/compute/sandbox/sandbox.js'
import { WORKER_SETTINGS } from '../../../src/compute/provider/worker-options.js'
import { jobTime } from '../../../contracts/job.js'

const ask = { cores: 1, memory: GIB, isolation: 'bwrap', fuel: FUEL_VERSION, baseMsat: 1n, region: '' }
const capacity: Capacity = { ...WORKER_SETTINGS, isolation: 'bwrap', fault: null }
const usual: Needs = {
  ...{ memory: GIB, isolation: 'bwrap', fuel: FUEL_VERSION },
  ...jobTime({ limits: DEFAULT_LIMITS })
}

/** The word and the line with which this machine declines; null when it does not. */
function decline(needs: Partial<Needs>, owner: Partial<Capacity> = {}): string | null {
  try {
    assertRunnable({ ...usual, ...needs }, ask, { ...capacity, ...owner })
    return null
  } catch (error) {
    return `${(error as DeclineError).word}: ${(error as DeclineError).message}`
  }
}

test('a seller runs jobs of the usual limits, and of an hour', () => {
  assert.equal(decline({}), null)
  assert.equal(decline({ wallMs: HOUR, cpuMs: HOUR }), null)
})

test('a seller declines a job that may take longer than its owner allows, and says how long that is', () => {
  assert.equal(
    decline({ wallMs: 2 * HOUR }),
    'TIME: a job may take at most 1h on the clock (--limit wall) here, and this one asks for 2h'
  )
  assert.equal(
    decline({ cpuMs: 7 * 24 * HOUR }),
    'TIME: a job may take at most 1h of processors, with compiling (--limit cpu) here, and this one asks for 7d'
  )
  assert.match(decline({}, { maxWallMs: MINUTE })!, /at most 1min on the clock/)
  assert.match(decline({}, { maxCpuMs: MINUTE })!, /at most 1min of processors/)
  assert.equal(decline({ wallMs: 2 * HOUR }, { maxWallMs: 3 * HOUR }), null)
})
