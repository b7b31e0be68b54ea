import { ModuleRefused, NAMES, meter } from '../fuel/meter.js'
import type { Metered } from '../fuel/meter.js'
import { FuelAccount } from './account.js'
import type { EndFrame } from './frames.js'
import { askForFuel } from './pipe.js'
import { ProgramExit, Stop } from './stops.js'
import { WASI_MODULE, Wasi } from './wasi/wasi.js'
import type { GuestJob } from './wasi/wasi.js'

const PAGE_BYTES = 64 << 10
/** A memory that can grow by fewer pages than this counts as full. */
const NEARLY_FULL = 16

export type RunEnding = Pick<EndFrame, 'status' | 'limit' | 'reason' | 'exitCode'>

export interface RunResult {
  ending: RunEnding
  fuel: bigint
  wasi: Wasi
}

class Rejected extends Error {}

function ending(status: EndFrame['status'], reason: string, more: Partial<RunEnding> = {}): RunEnding {
  return { status, reason, limit: null, exitCode: -1, ...more }
}

/** Runs one job to its end. Calls `compiled` between compiling and running. */
export function run(job: GuestJob, compiled: () => void): RunResult {
  const account = new FuelAccount(BigInt(job.header.fuel), askForFuel)
  const wasi = new Wasi(job, account)
  const ran = endingOf(job, wasi, () => {
    const { module, hasStart, beginning } = compile(job)
    assertImports(module, wasi)
    compiled()
    start({ module, hasStart, beginning }, wasi, account)
  })
  const settled = ran.limit === 'fuel' ? ran : endingOf(job, wasi, () => account.settle(), ran)
  return { ending: settled, fuel: account.used, wasi }
}

interface Compiled extends Pick<Metered, 'hasStart' | 'beginning'> {
  module: WebAssembly.Module
}

function compile({ module: bytes, header }: GuestJob): Compiled {
  const metered = meter(bytes, { maxPages: header.maxPages, maxModuleBytes: bytes.byteLength })
  const { hasStart, beginning } = metered
  return { module: new WebAssembly.Module(metered.bytes), hasStart, beginning }
}

function start({ module, hasStart, beginning }: Compiled, wasi: Wasi, account: FuelAccount): void {
  const instance = new WebAssembly.Instance(module, {
    [WASI_MODULE]: wasi.imports,
    [NAMES.module]: { [NAMES.refuel]: (missing: bigint) => account.refuel(missing) }
  })
  const exported = instance.exports
  const command = exported['_start']
  if (typeof command !== 'function') throw new Rejected('it is not a command: it exports no _start')
  if (exported['memory'] instanceof WebAssembly.Memory) wasi.memory.open(exported['memory'])
  account.open(exported[NAMES.fuel] as WebAssembly.Global<bigint>, beginning)
  if (hasStart) (exported[NAMES.start] as () => void)()
  command()
}

function assertImports(module: WebAssembly.Module, wasi: Wasi): void {
  const wanted = WebAssembly.Module.imports(module)
  for (const { module: from, name, kind } of wanted) {
    const known = from === WASI_MODULE ? name in wasi.imports : from === NAMES.module && name === NAMES.refuel
    if (!known || kind !== 'function') {
      throw new Rejected(`it imports ${from}.${name}, but only ${WASI_MODULE} is available`)
    }
  }
  if (wanted.filter(({ module: from }) => from === NAMES.module).length !== 1) {
    throw new Rejected(`it imports ${NAMES.module}.${NAMES.refuel}, which is reserved for Bushel`)
  }
}

/** Calls `act` and turns its error into an ending; `ok` when it returns. */
function endingOf(
  { header }: GuestJob,
  wasi: Wasi,
  act: () => void,
  ok = ending('ok', '', { exitCode: 0 })
): RunEnding {
  try {
    act()
    return ok
  } catch (error) {
    if (error instanceof ProgramExit) return ending('ok', '', { exitCode: error.code })
    if (error instanceof Stop) return ending('limit', error.message, { limit: error.limit })
    if (error instanceof ModuleRefused || error instanceof Rejected) return ending('rejected', error.message)
    if (error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError) {
      return ending('rejected', `the module cannot be run: ${error.message}`)
    }
    const most = header.maxPages * PAGE_BYTES
    const why = error instanceof Error ? error.message : 'it threw'
    // the depth limit of fuel ends a recursion before a stack of the usual size overflows
    if (/call stack/.test(why)) return ending('trap', 'the stack of the machine that ran it is too small')
    if (isAllocation(error) || most - wasi.memory.byteLength < NEARLY_FULL * PAGE_BYTES) {
      return ending('limit', `memory is at its limit of ${most} bytes (${why})`, { limit: 'memory' })
    }
    return ending(
      'trap',
      why === 'unreachable' ? 'it gave up, or its calls were too deep (unreachable)' : why
    )
  }
}

/** Whether the engine could not allocate a memory or a table. */
function isAllocation(error: unknown): boolean {
  return error instanceof RangeError && /alloc|memory/i.test(error.message)
}
