import { LENGTH_COST } from './costs.js'

/** What a module begins with. */
export interface Beginning {
  /** Pages of memory. */
  pages: number
  /** Bytes of all data segments. */
  dataBytes: number
  /** Elements of all tables, and of all element segments. */
  elements: number
}

/**
 * The fuel of a program's beginning, which is charged before it runs: an engine fills its tables and its memory, and the
 * system gives it the pages that it touches.
 */
export function beginningCost({ pages, dataBytes, elements }: Beginning): bigint {
  const { page, bytesShift, elementShift } = LENGTH_COST
  return (
    BigInt(pages) * BigInt(page) +
    (BigInt(dataBytes) >> BigInt(bytesShift)) +
    (BigInt(elements) << BigInt(elementShift))
  )
}
