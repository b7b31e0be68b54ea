import { BushelError } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { NO_UDP } from './reachability.js'
import type { Reachability } from './reachability.js'

export interface Dial {
  /** No node of the DHT knows where the device is. */
  isUnknown: boolean
  /** The device has answered, and a way through the routers was looked for. */
  isAnswered: boolean
  /** How long it was waited for, ms. */
  ms: number
}

/** Why a device was not reached: names this machine's network, the routers between, or the device. */
export function unreachable(device: Buffer, { reach }: Reachability, dial: Dial): BushelError {
  const name = `device ${shortKey(device)}`
  const seconds = Math.round(dial.ms / 1000)
  if (reach === 'offline')
    return new BushelError(
      'PEER_UNREACHABLE',
      `${name} cannot be reached from here, and nobody else: ${NO_UDP}`,
      'check the connection of this machine, and let UDP out of its network and firewall'
    )
  if (dial.isAnswered)
    return new BushelError(
      'PEER_UNREACHABLE',
      `${name} answered, but no way through the routers was found in ${seconds} s` +
        (reach === 'symmetric' ? ": this machine's router gives each connection another port" : ''),
      'no relay of the market forwards for both of you now; try again later, or see docs/network.md'
    )
  return new BushelError(
    'PEER_UNREACHABLE',
    dial.isUnknown ? `${name} is not known to the network` : `${name} did not answer in ${seconds} s`,
    'it may be offline; try again later'
  )
}
