import { nullLogger } from '../../src/base/logger.js'
import { homeStore } from '../../src/node/home-store.js'
import { Extending } from '../../src/storage/buyer/upkeep/extending.js'
import { MirrorUpkeep } from '../../src/storage/buyer/upkeep/mirror-upkeep.js'
import { remindersOf } from '../../src/storage/buyer/upkeep/reminders.js'
import { Replacement } from '../../src/storage/buyer/upkeep/replacement.js'
import type { Mirrors } from '../../src/storage/buyer/mirrors.js'
import { auditAt } from '../../src/storage/lease/challenge.js'
import { Leases } from '../../src/storage/lease/leases.js'
import { agreementId } from '../../contracts/terms.js'
import { median } from '../figure.js'
import { answer, orderOf } from '../stage.js'
import { memoryOf } from './own-memory.js'

/** ms of one look each, and MB. */
export interface UpkeepTimes {
  mirrors: number
  reminders: number
  due: number
  memory: number
}

const REPEATS = 15

async function measure(dir: string): Promise<UpkeepTimes> {
  const store = homeStore(dir)
  await store.ready()
  const leases = new Leases(store)
  const mirrors = { placing: { leases, now: Date.now } } as unknown as Mirrors
  const tasks = [new Extending(mirrors, nullLogger), new Replacement(mirrors, nullLogger)]
  const upkeep = new MirrorUpkeep({ store, leases, mirrors, tasks, log: nullLogger, now: Date.now })
  const due = async (): Promise<void> => {
    const at = (lease: Parameters<typeof auditAt>[0]): number =>
      auditAt(lease, leases.auditOf(agreementId(lease.terms)), Date.now())
    for await (const _ of leases.due('buyer', Date.now(), at)) continue
  }
  const times = {
    mirrors: await repeated(() => upkeep.look()),
    reminders: await repeated(() => void remindersOf(store, leases, Date.now())),
    due: await repeated(due),
    memory: memoryOf('RssAnon')
  }
  await upkeep.close()
  await store.close()
  return times
}

async function repeated(work: () => unknown): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < REPEATS; i++) {
    const begun = performance.now()
    await work()
    times.push(performance.now() - begun)
  }
  return median(times)
}

answer(await measure(orderOf<{ dir: string }>().dir))
