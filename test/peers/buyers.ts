import assert from 'node:assert/strict'
import type { Address } from '../../src/network/network.js'
import type { Finished } from '../../bin/demo/processes.js'
import type { LeaseEntry, World } from '../helpers/world.js'

/** Where the private DHT of a world begins. */
export function addressOf(world: World): Address[] {
  const [host, port] = world.processes.bootstrap.split(':')
  return [{ host: host!, port: Number(port) }]
}

/** What a command told beside its result. */
export function notesOf({ lines }: Pick<Finished, 'lines'>): string[] {
  return lines.filter(({ event }) => event === 'note').map(({ message }) => String(message))
}

/** What is given to the other side of a fresh channel, and kept back in it, msat. */
const CHANNEL_COST = 6_000_000n

/** What left a wallet is what the leases say, and what opening so many channels costs. */
export function assertSpent({
  leases,
  spent,
  channels
}: {
  leases: readonly LeaseEntry[]
  spent: bigint
  channels: number
}): void {
  const paid = leases.reduce((sum, { paidMsat }) => sum + BigInt(paidMsat), 0n)
  assert.equal(spent, paid + BigInt(channels) * CHANNEL_COST)
}
