import { BushelError } from '../../../contracts/errors/error.js'
import { MIB, formatSize } from '../../../contracts/money/quantity.js'
import { MOST_ENTRIES } from '../../files/tree-bounds.js'

/**
 * The files of an honest drive have as many bytes as its data or fewer. Entries that share blocks can make any amount of
 * files of a little data, so more than this needs the user's word.
 */
const MOST_TIMES_DATA = 2
const FREE_BYTES = 64 * MIB
/** A list of files of this size is fetched, however small the limit. */
const FREE_LIST_BYTES = 16 * MIB

/** Throws DRIVE_TOO_LARGE when a list of files is larger than all that the user allows; it is not fetched. */
export function demandListSize(bytes: number, maxSize: number | undefined): void {
  if (maxSize === undefined || bytes <= Math.max(maxSize, FREE_LIST_BYTES)) return
  throw tooLarge(`the list of files of this link has ${formatSize(bytes)}`, maxSize)
}

/** Throws DRIVE_TOO_LARGE when a list has more entries than a node can hold in memory. */
export function demandEntries(entries: number): void {
  if (entries <= MOST_ENTRIES) return
  throw new BushelError(
    'DRIVE_TOO_LARGE',
    `the list of files of this link has more than ${MOST_ENTRIES} entries; nothing was written`,
    'its maker can divide it into several links'
  )
}

/** Throws DRIVE_TOO_LARGE when the files have more bytes than the user allows. */
export function demandSize(bytes: number, maxSize: number | undefined): void {
  if (maxSize === undefined || bytes <= maxSize) return
  throw tooLarge(`the files of this link have ${formatSize(bytes)}`, maxSize)
}

/** Throws DRIVE_TOO_LARGE when the files have far more bytes than the data that they are made of. */
export function demandProportion(bytes: number, dataBytes: number): void {
  if (bytes <= MOST_TIMES_DATA * dataBytes + FREE_BYTES) return
  throw new BushelError(
    'DRIVE_TOO_LARGE',
    `this link would write ${formatSize(bytes)} of files from ${formatSize(dataBytes)} of data; nothing was written`,
    `if you want them all the same, allow it with --max-size ${bytes}B`
  )
}

function tooLarge(what: string, maxSize: number): BushelError {
  return new BushelError(
    'DRIVE_TOO_LARGE',
    `${what}, more than the allowed ${formatSize(maxSize)}; nothing was written`,
    'allow more with --max-size'
  )
}
