import type { ErrorCode } from '../../../contracts/errors/error-table.js'

/** Faults that what the provider has signed may prove to others. */
export const PROVABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['BAD_PEER', 'FALSE_KEY', 'WRONG_OUTPUT'])
