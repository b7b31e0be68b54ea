interface LightningNetwork {
  /** Of its invoices, after `ln`. One prefix may serve several networks. */
  prefix: string
  /** `real` is worth something, `test` is a chain of worthless coins, `play` has no chain. */
  money: 'real' | 'test' | 'play'
}

/** The Lightning networks that Bushel deals on, by id. */
const NETWORKS: Readonly<Record<string, LightningNetwork>> = {
  bitcoin: { prefix: 'bc', money: 'real' },
  testnet: { prefix: 'tb', money: 'test' },
  signet: { prefix: 'tbs', money: 'test' },
  regtest: { prefix: 'bcrt', money: 'test' },
  'play-1': { prefix: 'bcrt', money: 'play' }
}

/** Those with a chain: what an ordinary Lightning node can be on. */
export const CHAIN_NETWORKS: readonly string[] = Object.keys(NETWORKS).filter(
  network => NETWORKS[network]!.money !== 'play'
)

/** Prefix of a network's invoices; null for a network that is not known. */
export function prefixOf(network: string): string | null {
  return Object.hasOwn(NETWORKS, network) ? NETWORKS[network]!.prefix : null
}

/** A network with such a prefix, for messages; null where there is none. */
export function networkWith(prefix: string): string | null {
  return Object.keys(NETWORKS).find(network => NETWORKS[network]!.prefix === prefix) ?? null
}

/** Are its sats worth something? Nobody deals in them without having agreed to. */
export function isRealMoney(network: string): boolean {
  return Object.hasOwn(NETWORKS, network) && NETWORKS[network]!.money === 'real'
}

export function isPlayMoney(network: string): boolean {
  return Object.hasOwn(NETWORKS, network) && NETWORKS[network]!.money === 'play'
}
