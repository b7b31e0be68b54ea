import type HyperDHT from 'hyperdht'

/**
 * What the network looks like from here. `public`: everybody gets in. `cone`: behind a router that keeps its ports, through
 * which most get. `symmetric`: behind one that gives each packet another port. `offline`: nobody answers over UDP. `local`: a
 * network on this machine alone. `unknown`: not found out yet.
 */
export type Reach = 'public' | 'cone' | 'symmetric' | 'offline' | 'local' | 'unknown'

export const REACHES = [
  'public',
  'cone',
  'symmetric',
  'offline',
  'local',
  'unknown'
] as const satisfies Reach[]

export interface Reachability {
  reach: Reach
  /** Where others see this node; null when nobody has said. */
  host: string | null
  /** Null when it is another one for each. */
  port: number | null
  /** Number of forwarders that are known. */
  forwarders: number
}

/** Why nobody answers, for people. */
export const NO_UDP =
  'no node answers over UDP: this machine is offline, its network or firewall drops UDP, or the nodes of --bootstrap are away'

type Seen = Pick<HyperDHT, 'host' | 'port' | 'firewalled' | 'randomized' | 'online' | 'nodes'>

export function reachOf({ host, firewalled, randomized, online, nodes }: Seen, isLocal: boolean): Reach {
  if (isLocal) return 'local'
  if (nodes.length === 0 || !online) return 'offline'
  if (!firewalled) return 'public'
  if (host === null) return 'unknown'
  return randomized ? 'symmetric' : 'cone'
}

/** One line for people. */
export function reachText({ reach, forwarders }: Reachability): string {
  const bridged =
    forwarders > 0
      ? 'a relay of the market forwards where there is no way through'
      : 'no relay of a market is known that forwards where there is no way through'
  switch (reach) {
    case 'local':
      return 'a private network on this machine'
    case 'public':
      return 'everybody can reach this node'
    case 'cone':
      return `behind a router through which most others get; ${bridged}`
    case 'symmetric':
      return `behind a router that gives each connection another port (symmetric NAT): others get through slowly or not at all; ${bridged}`
    case 'offline':
      return NO_UDP
    case 'unknown':
      return 'not found out yet'
  }
}

/** What the owner should know before others are blamed; null when others can reach this node, with some patience. */
export function reachWarning({ reach, forwarders }: Reachability): string | null {
  if (reach === 'offline')
    return 'nobody can reach this node, and it reaches nobody; check the connection of this machine, and let UDP out of its network and firewall'
  if (reach === 'symmetric' && forwarders === 0)
    return 'others behind a router cannot reach this node: its router gives each connection another port, and no relay of a market is known that forwards; forward a UDP port to this machine and run `bushel up --port PORT`, or see docs/network.md'
  return null
}
