/** Kinds of float and vector values, as bits (see values.ts). */
/** Left by arithmetic on f32 (lanes): a NaN in it may have any bits. */
export const ARITH32 = 1
/** The same on f64. */
export const ARITH64 = 2
/** Bits that are to be kept as they are: loaded, reinterpreted, of integers, made canonical before. */
export const ANY = 4
/** Its f32 lanes are numbers or canonical NaNs. */
export const CANON32 = 8
/** Its f64 lanes are. */
export const CANON64 = 16
/** Not a NaN in either view. */
export const NUMBER = 32
