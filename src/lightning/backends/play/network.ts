/**
 * The play network. All its nodes are at one constant block height. A different height needs a different network id,
 * because nodes at different heights fail each other's payments.
 */
export const PLAY_NETWORK = 'play-1'

/** The constant block height of every node. */
export const PLAY_HEIGHT = 1000

/** Play money of a new wallet: 1,000,000 sat. */
export const PLAY_GRANT_MSAT = 1_000_000_000n
