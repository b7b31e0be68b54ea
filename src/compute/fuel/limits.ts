/**
 * Limits on a module's size and structure. They are above what compilers emit and below the limits of engines: a module
 * that passes here passes in every engine.
 */
export const LIMIT = {
  moduleBytes: 16 * 1024 * 1024,
  types: 10_000,
  /** Parameters of one function type, and as many results. */
  params: 255,
  imports: 256,
  functions: 50_000,
  tables: 16,
  tableSize: 100_000,
  globals: 10_000,
  exports: 10_000,
  segments: 100_000,
  bodyBytes: 512 * 1024,
  locals: 8192,
  nesting: 2048,
  /** Budget of all functions together, see surroundings.ts. */
  tracking: 1 << 28,
  joins: 1 << 28,
  loopsSquared: 1 << 24
} as const
