/** Kinds of float and vector values, as bits (see values.ts). */
/** Result of arithmetic on f32 (lanes): a NaN in it may have any bits. */
export const ARITH32 = 1
/** Result of arithmetic on f64 (lanes). */
export const ARITH64 = 2
/** Bits that must not change: loaded, reinterpreted, from integers, or already canonical. */
export const ANY = 4
/** Its f32 lanes are numbers or canonical NaNs. */
export const CANON32 = 8
/** Its f64 lanes are numbers or canonical NaNs. */
export const CANON64 = 16
/** Not a NaN in either view. */
export const NUMBER = 32
