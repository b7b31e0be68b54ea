import type { Address } from '../../src/network/network.js'
import type { Finished } from '../../bin/demo/processes.js'
import type { World } from '../helpers/world.js'

/** Where the private DHT of a world begins. */
export function addressOf(world: World): Address[] {
  const [host, port] = world.processes.bootstrap.split(':')
  return [{ host: host!, port: Number(port) }]
}

/** What a command told beside its result. */
export function notesOf({ lines }: Pick<Finished, 'lines'>): string[] {
  return lines.filter(({ event }) => event === 'note').map(({ message }) => String(message))
}
