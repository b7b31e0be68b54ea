import { KIB } from '../../contracts/money/quantity.js'

/** Bytes of a block of the bare Hypercore: those of a block of Bushel's. */
export const BARE_BLOCK = 256 * KIB
