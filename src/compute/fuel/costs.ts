/**
 * What instructions cost, in units of fuel, about one simple instruction each. The bench `opcodes` holds every row against
 * the time that it takes: none may take 20 times as long for its price as an honest loop.
 *
 * | instruction | units |
 * |---|---|
 * | block, end, else, nop, drop, br, return, unreachable | 0 |
 * | loop (each time round), if, br_if, select, constants, locals, global.get, integer and bit operations, comparisons, ref.* | 1 |
 * | integer mul, float add sub mul min max and roundings, conversions, global.set, memory.size, table.size | 2 |
 * | loads, stores | 2, and the reach of the memory (see reach.ts) for the first access of a segment near an address |
 * | vector operations | 2; i64x2.mul 4 |
 * | br_table | 3, and as a call for large code |
 * | table.get | 12 |
 * | table.set | 128 |
 * | integer div and rem, float div and sqrt | 12; of vectors 16 |
 * | call | 8; call_indirect 12; more for large code; the callee at entry: one for every 4 locals |
 * | memory.grow | 64; of at least one page, when it succeeds: 65536 for each new page, and 512 for each page then held |
 * | memory.fill, copy, init | 256, and one for every 8 bytes |
 * | table.grow, fill, copy, init | 128, and 128 for each element |
 * | data.drop, elem.drop | 2 |
 * | the program's beginning | as memory.grow, memory.init and table.init for what the module begins with (see beginning.ts) |
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
  tableGet: 12,
  tableSet: 128,
  memorySize: 2,
  grow: 64,
  bulkMemory: 256,
  bulkTable: 128,
  drop: 2,
  reference: 1
} as const

/** Costs by length, charged in inserted-functions.ts. */
export const LENGTH_COST = {
  /** One unit of fuel covers 2^bytesShift bytes. */
  bytesShift: 3,
  /** An element of a table costs 2^elementShift. */
  elementShift: 7,
  /** A new page, for the time that the system takes to give each 4 KiB of it when it is first used. */
  page: 65_536,
  /** Each page held after memory has grown: the engine looks through its heap more often, the larger the memory is. */
  heldPage: 512
} as const
