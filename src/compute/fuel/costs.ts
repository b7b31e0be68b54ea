/**
 * What instructions cost, in units of fuel, about one simple instruction each.
 *
 * | instruction | units |
 * |---|---|
 * | block, end, else, nop, drop, br, return, unreachable | 0 |
 * | loop (each time round), if, br_if, select, constants, locals, global.get, integer and bit operations, comparisons, ref.* | 1 |
 * | integer mul, float add sub mul min max and roundings, conversions, loads, stores, global.set, memory.size, table.size | 2 |
 * | vector operations | 2; i64x2.mul 4 |
 * | br_table, table.get, table.set | 3 |
 * | integer div and rem, float div and sqrt | 12; of vectors 16 |
 * | call | 8; call_indirect 12; the callee at entry: one for every 4 locals |
 * | memory.grow | 32, and 2048 a page asked for (at most 65536 pages are counted) |
 * | memory.fill, copy, init | 16, and one for every 8 bytes |
 * | table.grow, fill, copy, init | 16, and one for each element |
 * | data.drop, elem.drop | 2 |
 */

/** Costs of the instructions that instructions.ts handles one by one; opcodes.ts has the others. */
export const COST = {
  loop: 1,
  if: 1,
  branchIf: 1,
  branchTable: 3,
  call: 8,
  callIndirect: 12,
  select: 1,
  local: 1,
  globalGet: 1,
  globalSet: 2,
  tableAccess: 3,
  memorySize: 2,
  grow: 32,
  bulk: 16,
  drop: 2,
  reference: 1
} as const

/** Costs by length, charged in inserted-functions.ts. */
export const LENGTH_COST = {
  /** One unit of fuel covers 2^bytesShift bytes. */
  bytesShift: 3,
  page: 2048
} as const
