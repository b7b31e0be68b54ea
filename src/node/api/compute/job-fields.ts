import * as v from 'valibot'
import { MAX_PROVIDERS } from '../../../compute/resource.js'
import { WALLS } from '../../../compute/sandbox/sandbox.js'
import { LEAST_PAYMENT } from '../../../../contracts/money/money.js'
import { DAY, GIB, MIB } from '../../../../contracts/money/quantity.js'
import {
  bytes,
  decimal,
  duration,
  fields,
  flag,
  fuel,
  fuelPrice,
  hex,
  key,
  list,
  listed,
  market,
  maybe,
  maybeAll,
  msat,
  oneOf,
  orNull,
  path,
  said,
  text,
  whole
} from '../definition/schema.js'
import type { Values } from '../definition/schema.js'

const WEEK = 7 * DAY
const MAX_ARGS = 256
/** Files of one map at the most. */
export const MAX_MAP = 10_000

const limits = fields(
  maybeAll({
    wallMs: duration('time on the clock', { most: WEEK }),
    cpuMs: duration('processor time', { most: WEEK }),
    memoryBytes: bytes('memory', { least: 1, most: 4 * GIB }),
    outputBytes: bytes('files that it leaves under /out', { least: 1, most: GIB }),
    stdoutBytes: bytes('standard output', { least: 1, most: 64 * MIB }),
    stderrBytes: bytes('standard error', { least: 1, most: 16 * MIB }),
    inodes: whole(1, 65_536, 'files and folders under /out'),
    compileMs: duration('compiling the program', { most: WEEK })
  })
)

/** What a program is run on, one job or many. */
const PROGRAM = {
  module: path('the program, a WebAssembly module for wasm32-wasi'),
  args: list(text(0, 4096, 'argument'), MAX_ARGS, 'arguments of the program, without its name'),
  limits: v.pipe(limits, v.description('limits that differ from the usual ones')),
  seed: maybe(hex(32, 'what all its randomness comes from; absent: module, input and arguments')),
  out: maybe(path('folder for what it leaves under /out; absent: not written')),
  force: flag('true: overwrite different files in `out`')
}

const INPUT = {
  input: maybe(path('a folder whose files are under /in, or one file; absent: an empty /in')),
  stdin: maybe(path('a file whose bytes are its standard input'))
}

const map = v.pipe(
  fields({
    base: path('folder that `pattern` is relative to'),
    pattern: text(1, 4096, 'pattern of the files, such as chunks/*; each is the input of one job'),
    parallel: whole(1, 64, 'jobs at the same time')
  }),
  v.description('one job for each file that a pattern names')
)

const BUY = {
  market,
  verify: v.pipe(
    v.union(
      [whole(1, MAX_PROVIDERS, 'identities'), v.literal('auto')],
      `must be a whole number from 1 to ${MAX_PROVIDERS}, or auto`
    ),
    v.description('how many identities run it, for comparison; auto: as many as their record asks for')
  ),
  maxMsat: msat('most to pay for it, over all providers', LEAST_PAYMENT),
  offer: maybe(fuelPrice("price to open with; absent: the providers' prices are taken")),
  maxPrice: maybe(fuelPrice('highest price; absent: any'))
}

export const RUN_LOCAL = { ...PROGRAM, ...INPUT }
export const MAP_LOCAL = { ...PROGRAM, map }
export const RUN_JOB = { ...RUN_LOCAL, ...BUY }
export const RUN_MAP = { ...MAP_LOCAL, ...BUY }
export const RUN_ESTIMATE = { ...RUN_JOB, map: maybe(map) }
export const BID_COMPUTE = { ...RUN_JOB, maxPrice: fuelPrice('highest price') }

export type JobParams = Values<typeof RUN_LOCAL>
export type MapLocal = Values<typeof MAP_LOCAL>
export type RunMap = Values<typeof RUN_MAP>
export type RunEstimateParams = Values<typeof RUN_ESTIMATE>
export type RunJob = Values<typeof RUN_JOB>
export type BidCompute = Values<typeof BID_COMPUTE>
export type BuyParams = Values<typeof BUY>
export type MapParams = v.InferOutput<typeof map>
export type JobLimitSettings = v.InferOutput<typeof limits>

const provider = fields({
  device: key('its device'),
  identity: key('its identity'),
  agreement: key('id of the agreement, by which the ledger names its payments'),
  fuel: fuel('used there'),
  hash: said('hash of its result, hex; empty until it has shown one'),
  paid: msat('paid to it'),
  verdict: oneOf(['equal', 'other', 'failed', 'open'], 'its result compared with those of the others'),
  note: said('a line for people')
})

const JOB_STATUS = ['ok', 'trap', 'limit', 'rejected', 'disputed'] as const
const ISOLATION_NAMES = ['bwrap', 'process'] as const
export const isolation = oneOf(ISOLATION_NAMES, 'how jobs are kept apart from the machine')
export const walls = listed(
  oneOf(WALLS, 'a wall'),
  'what stands around a job, as found around one that was started for the test'
)
const seconds = decimal(0, Number.MAX_SAFE_INTEGER, 'how long it took, s')

export const JOB_RESULT = {
  id: said('id of the job; empty for one that was run at home'),
  status: oneOf(JOB_STATUS, 'how it ended'),
  limit: orNull(v.string(), 'which limit stopped it, when `status` is `limit`'),
  reason: said('a line for people; empty when ok'),
  exitCode: whole(-1, 2 ** 32, 'exit code of the program; -1 when it did not end by itself'),
  fuel: fuel('used'),
  hash: said('SHA-256 of the output tree, then that of standard output, hex'),
  out: orNull(v.string(), 'folder that was written'),
  paidMsat: msat('paid'),
  feesMsat: msat('fees'),
  providers: listed(provider, 'who ran it'),
  evidence: listed(v.string(), 'files that prove what a provider did'),
  seconds
}

const MEASURED = {
  isolation,
  cpuMs: decimal(0, Number.MAX_SAFE_INTEGER, 'processor time, ms'),
  peakBytes: bytes('most memory at one time')
}

/** Of a run at home: nothing is paid. */
export const LOCAL_RESULT = { ...JOB_RESULT, ...MEASURED }

const failure = v.pipe(
  fields({
    code: said('code of the error'),
    exit: whole(0, 255, 'exit code that a command would have'),
    message: said('what is wrong'),
    hint: said('what to do')
  }),
  v.description('why it failed')
)

const input = said("name of the job's input")
const mapEntry = v.union([
  fields({ input, ...JOB_RESULT, ...maybeAll(MEASURED) }),
  fields({ input, error: failure })
])

export const MAP_RESULT = {
  jobs: listed(mapEntry, 'the jobs in the order of the names of their inputs; one that failed has `error`'),
  ok: whole(0, MAX_MAP, 'jobs that ended by themselves with exit code 0'),
  failed: whole(0, MAX_MAP, 'the other jobs'),
  paidMsat: msat('paid'),
  feesMsat: msat('fees'),
  seconds
}

/** What is given out of a kept result. */
export const JOB_OUTPUT = {
  id: key('id of the job'),
  out: PROGRAM.out,
  force: PROGRAM.force
}

export const JOB_ENTRY = {
  id: key('id of the job'),
  name: said('name of its module, or of its input'),
  created: whole(0, Number.MAX_SAFE_INTEGER, 'when it was bought, ms since 1970'),
  state: said('its state'),
  status: orNull(v.string(), 'how it ended; null while it has not'),
  exitCode: orNull(v.number(), 'exit code of the program; null while it has not ended'),
  fuel: fuel('used so far'),
  hash: said('hash of its result, hex'),
  kept: flag('true: its result is in the home, where `job.output` finds it'),
  paidMsat: msat('paid so far'),
  providers: listed(provider, 'who runs it')
}

export type IsolationName = (typeof ISOLATION_NAMES)[number]
export type JobProvider = v.InferOutput<typeof provider>
export type JobResult = Values<typeof JOB_RESULT>
export type LocalResult = Values<typeof LOCAL_RESULT>
export type MapEntry = v.InferOutput<typeof mapEntry>
export type MapResult = Values<typeof MAP_RESULT>
export type JobEntry = Values<typeof JOB_ENTRY>
