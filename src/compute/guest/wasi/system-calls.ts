import { call } from './calls.js'
import type { WasiCall } from './calls.js'
import { STEP } from './clock.js'
import type { Machine } from './machine.js'
import { ProgramExit, refuse } from '../stops.js'

const REALTIME = 0
const CLOCKS = 4
const MOST_SUBSCRIPTIONS = 1024
const SUBSCRIPTION_BYTES = 48
const EVENT_BYTES = 32
const ABSOLUTE = 1

interface Subscription {
  userdata: bigint
  type: number
  /** Time until a clock event, ns; null for other events. */
  wait: bigint | null
}

/** The calls that are not about files. The environment is empty; there are no sockets and no signals. */
export function systemCalls({ args, memory, account, clock, random }: Machine): Record<string, WasiCall> {
  function subscription(at: number): Subscription {
    const userdata = memory.u64(at)
    const type = memory.u8(at + 8)
    if (type > 2) refuse('invalid')
    if (type !== 0) return { userdata, type, wait: null }
    const id = memory.u32(at + 16)
    if (id >= CLOCKS) refuse('invalid')
    const timeout = memory.u64(at + 24)
    const now = id === REALTIME ? clock.now : clock.passed
    const wait = memory.u16(at + 40) & ABSOLUTE ? timeout - now : timeout
    return { userdata, type, wait: wait < 0n ? 0n : wait }
  }

  /** The ready events: files are always ready; without any, the earliest clock events, to which the clock advances. */
  function ready(all: readonly Subscription[]): readonly Subscription[] {
    const files = all.filter(({ wait }) => wait === null || wait === 0n)
    if (files.length > 0) return files
    const least = all.reduce((least, { wait }) => (wait! < least ? wait! : least), all[0]!.wait!)
    clock.advance(least)
    return all.filter(({ wait }) => wait === least)
  }

  const none = call('ii', (countAt, bytesAt) => {
    memory.setU32(countAt, 0)
    memory.setU32(bytesAt, 0)
  })
  const noSystem = (takes: string) => call(takes, () => refuse('noSystem'))

  return {
    args_sizes_get: call('ii', (countAt, bytesAt) => {
      memory.setU32(countAt, args.length)
      memory.setU32(
        bytesAt,
        args.reduce((sum, arg) => sum + arg.byteLength + 1, 0)
      )
    }),
    args_get: call('ii', (pointersAt, at) => {
      account.items(args.length)
      for (const [i, arg] of args.entries()) {
        account.bytes(arg.byteLength + 1)
        memory.setU32(pointersAt + 4 * i, at)
        const bytes = memory.slice(at, arg.byteLength + 1)
        bytes.set(arg)
        bytes[arg.byteLength] = 0
        at += bytes.byteLength
      }
    }),
    environ_sizes_get: none,
    environ_get: call('ii', () => undefined),
    clock_res_get: call('ii', (id, result) => {
      if (id >= CLOCKS) refuse('invalid')
      memory.setU64(result, STEP)
    }),
    clock_time_get: call('iIi', (id, _precision, result) => {
      if (id >= CLOCKS) refuse('invalid')
      clock.advance(STEP)
      memory.setU64(result, id === REALTIME ? clock.now : clock.passed)
    }),
    random_get: call('ii', (at, length) => {
      const bytes = memory.slice(at, length)
      account.bytes(length)
      random.fill(bytes)
    }),
    poll_oneoff: call('iiii', (from, to, count, result) => {
      if (count === 0 || count > MOST_SUBSCRIPTIONS) refuse('invalid')
      account.items(count)
      const all = Array.from({ length: count }, (_, i) => subscription(from + SUBSCRIPTION_BYTES * i))
      const events = ready(all)
      for (const [i, { userdata, type }] of events.entries()) {
        const at = to + EVENT_BYTES * i
        memory.slice(at, EVENT_BYTES).fill(0)[10] = type
        memory.setU64(at, userdata)
      }
      memory.setU32(result, events.length)
    }),
    sched_yield: call('', () => undefined),
    proc_exit: call('i', code => {
      throw new ProgramExit(code)
    }),
    proc_raise: noSystem('i'),
    sock_accept: noSystem('iii'),
    sock_recv: noSystem('iiiiii'),
    sock_send: noSystem('iiiii'),
    sock_shutdown: noSystem('ii')
  }
}
