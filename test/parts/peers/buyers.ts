import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import type { ShortTimeouts } from './short-timeouts-node.js'
import type { Method, Params } from '../../../src/node/api/api.js'
import { SAT } from '../../../contracts/money/money.js'
import { PLAY_GRANT_MSAT } from '../../../src/lightning/backends/play/network.js'
import { channelValueSat, pushSat, reserveSat } from '../../../src/lightning/backends/play/sizing.js'
import type { Address } from '../../../src/network/network.js'
import type { Finished } from '../../../bin/demo/processes.js'
import type { LeaseEntry, World } from '../../world/world.js'

/** The bootstrap address of the private DHT of a world. */
export function addressOf(world: World): Address[] {
  const [host, port] = world.processes.bootstrap.split(':')
  return [{ host: host!, port: Number(port) }]
}

/** The notes that a command printed beside its result. */
export function notesOf({ lines }: Pick<Finished, 'lines'>): string[] {
  return lines.filter(({ event }) => event === 'note').map(({ message }) => String(message))
}

/** The cost of so many channels in turn, of a play wallet: what is given to the other side, and the reserve, msat. */
function costOf(channels: number): bigint {
  let [cost, left] = [0n, PLAY_GRANT_MSAT]
  for (let channel = 0; channel < channels; channel++) {
    const value = channelValueSat(SAT, left)!
    cost += (pushSat(value) + reserveSat(value)) * SAT
    left -= value * SAT
  }
  return cost
}

/** Asserts that a wallet spent what the leases say plus the cost of `channels` fresh channels. */
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
  assert.equal(spent, paid + costOf(channels))
}

/** A call by a node with short timeouts, some of which may be changed. */
export async function callWithShortTimeouts<M extends Method>(
  world: World,
  name: string,
  method: M,
  params: Params<M>,
  timeouts: Partial<ShortTimeouts> = {}
): Promise<Finished> {
  const [{ host, port }] = addressOf(world) as [Address]
  const script = fileURLToPath(new URL('./short-timeouts-node.js', import.meta.url))
  const args = [world.at(name), host, String(port), method, JSON.stringify(params), JSON.stringify(timeouts)]
  const child = world.processes.script(script, { args })
  const { code, signal } = await child.ended
  const { lines, stderr } = child
  return { code, signal, lines, result: lines.at(-1) ?? {}, stderr }
}
