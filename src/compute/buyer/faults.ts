import type { ErrorCode } from '../../../contracts/errors/error-table.js'

/** Error codes for which the provider's own signatures may serve as proof to others. */
export const PROVABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['BAD_PEER', 'FALSE_KEY', 'WRONG_OUTPUT'])
