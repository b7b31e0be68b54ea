/** What can be sent to and received from one peer, over the channels with it. */
export interface PeerLiquidity {
  /** Public key of its Lightning node, 33 bytes. */
  peer: Buffer
  /** Whether a channel with it can carry a payment now. */
  usable: boolean
  channels: number
  spendableMsat: bigint
  receivableMsat: bigint
}

/** Where a balance lies: it can be too small for one peer while the whole is not. */
export interface Liquidity {
  /** The peer to which most can be sent first. */
  peers: PeerLiquidity[]
  /** Most that can be sent in one payment, msat, whoever the payee is; its fee comes out of it. */
  largestMsat: bigint
  /** Most that can be sent to a node without a channel, over one that is opened for it, msat; 0: none is opened. */
  newChannelMsat: bigint
}

/** Adds up the channels of each peer. Channels that cannot be used count only where a peer has no other. */
export function byPeer(channels: readonly Omit<PeerLiquidity, 'channels'>[]): PeerLiquidity[] {
  const groups = new Map<string, Omit<PeerLiquidity, 'channels'>[]>()
  for (const channel of channels) {
    const key = channel.peer.toString('hex')
    groups.set(key, [...(groups.get(key) ?? []), channel])
  }
  const peers = [...groups.values()].map(group => {
    const usable = group.filter(channel => channel.usable)
    const counted = usable.length > 0 ? usable : group
    return {
      peer: group[0]!.peer,
      usable: usable.length > 0,
      channels: group.length,
      spendableMsat: counted.reduce((sum, { spendableMsat }) => sum + spendableMsat, 0n),
      receivableMsat: counted.reduce((sum, { receivableMsat }) => sum + receivableMsat, 0n)
    }
  })
  return peers.sort((a, b) => Number(b.spendableMsat - a.spendableMsat))
}
