import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { formatSize } from '../../contracts/money/quantity.js'
import type { CheckedMirror, LeaseEntry, MirrorEntry } from './answers.js'
import { COPIES } from './plan.js'
import type { BushelProcess } from './processes.js'
import type { Stage } from './stage.js'
import { seconds, short } from './words.js'

/** A provider of the demo. */
export interface Seller {
  home: string
  device: string
  process: BushelProcess
}

/**
 * A provider loses what it keeps. The buyer's node finds it out by an audit, ends the lease, and has a third provider make the
 * copy anew from the one that is left. Resolves to the buyer's leases.
 */
export async function loseCopy(
  stage: Stage,
  name: string,
  sellers: readonly Seller[],
  bought: readonly LeaseEntry[]
): Promise<LeaseEntry[]> {
  const { voice } = stage
  const lost = sellers.find(({ device }) => device === bought[0]!.device)!
  await lost.process.stop()
  await rm(join(stage.home(lost.home), 'shelf', 'cores'), { recursive: true, force: true })
  await stage.resume(lost.home)
  voice.say(`   ${short(lost.device)} stopped, its disk was emptied, and it came back`)
  const begun = performance.now()
  const check = await stage.try<CheckedMirror>('buyer', ['mirrors', 'check', name])
  const found = check.copies.find(({ result }) => result === 'failed')
  if (!found) throw new Error('no audit found the loss')
  voice.say(`   an audit finds it out, and the lease is ended: ${found.why!.split(' (')[0]!.split(': ')[1]!}`)
  await stage.watch<{ mirrors: MirrorEntry[] }>(
    'buyer',
    ['mirrors', '--watch'],
    ({ mirrors }) => mirrors[0]?.copies.healthy === COPIES
  )
  const took = (performance.now() - begun) / 1000
  const isRefunded = ({ device, refundedMsat }: LeaseEntry): boolean =>
    device === lost.device && BigInt(refundedMsat ?? 0) > 0n
  const isPaidOut = ({ state, until, ends }: LeaseEntry): boolean => state === 'ENDED' || until >= ends
  const { leases } = await stage.watch<{ leases: LeaseEntry[] }>(
    'buyer',
    ['leases', '--watch'],
    all => all.leases.some(isRefunded) && all.leases.every(isPaidOut)
  )
  const anew = leases.find(({ id }) => bought.every(old => old.id !== id))!
  const from = bought.find(({ device }) => device !== lost.device)!
  voice.say(
    `   ${short(anew.device)} has made the copy anew: it fetched ${formatSize(anew.bytes)} from ${short(from.device)}`,
    `   with a ticket of the buyer, whose files were not needed; it took ${seconds(took)} in all.`,
    `   ${short(lost.device)} has paid back what was paid ahead and not served.`
  )
  return leases
}
