interface LightningNetwork {
  /** Prefix of its invoices, after `ln`. Several networks may have the same prefix. */
  prefix: string
  /** `real`: coins with value. `test`: a chain of worthless coins. `play`: no chain. */
  money: 'real' | 'test' | 'play'
}

/** The Lightning networks that Bushel supports, by id. */
const NETWORKS: Readonly<Record<string, LightningNetwork>> = {
  bitcoin: { prefix: 'bc', money: 'real' },
  testnet: { prefix: 'tb', money: 'test' },
  signet: { prefix: 'tbs', money: 'test' },
  regtest: { prefix: 'bcrt', money: 'test' },
  'play-1': { prefix: 'bcrt', money: 'play' }
}

/** The networks with a chain, which an ordinary Lightning node can use. */
export const CHAIN_NETWORKS: readonly string[] = Object.keys(NETWORKS).filter(
  network => NETWORKS[network]!.money !== 'play'
)

/** Prefix of a network's invoices; null for an unknown network. */
export function prefixOf(network: string): string | null {
  return Object.hasOwn(NETWORKS, network) ? NETWORKS[network]!.prefix : null
}

/** Id of a network whose invoices have this prefix, for messages; null when there is none. */
export function networkWith(prefix: string): string | null {
  return Object.keys(NETWORKS).find(network => NETWORKS[network]!.prefix === prefix) ?? null
}

/** Whether the network's sats have value. */
export function isRealMoney(network: string): boolean {
  return Object.hasOwn(NETWORKS, network) && NETWORKS[network]!.money === 'real'
}

export function isPlayMoney(network: string): boolean {
  return Object.hasOwn(NETWORKS, network) && NETWORKS[network]!.money === 'play'
}
