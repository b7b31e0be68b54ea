import { ARITHMETIC_PRICES } from './arithmetic-prices.js'
import { CODE_PRICES } from './code-prices.js'
import { HOST_PRICES } from './host-prices.js'
import type { Priced } from './loops.js'
import { HONEST, MEMORY_PRICES } from './memory-prices.js'
import { TABLE_PRICES } from './table-prices.js'

export const PRICED = {
  honest: [HONEST],
  memory: MEMORY_PRICES,
  tables: TABLE_PRICES,
  code: CODE_PRICES,
  arithmetic: ARITHMETIC_PRICES,
  'host calls': HOST_PRICES
} satisfies Record<string, Priced[]>

export type PriceGroup = keyof typeof PRICED
