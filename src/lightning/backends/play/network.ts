/**
 * The play network. Everybody on it stands at one constant block height, which is part of the network's id: were it
 * ever changed, the id would have to change with it, since nodes at different heights fail each other's payments.
 */
export const PLAY_NETWORK = 'play-1'

/** The one block height, for everybody and for ever. */
export const PLAY_HEIGHT = 1000

/** What a new wallet starts with: 1,000,000 sat. */
export const PLAY_GRANT_MSAT = 1_000_000_000n
