/** What a link does to the frames of one direction. */
export interface Shape {
  mbit: number
  delayMs: number
  /** Of a hundred frames, so many are lost; 100 is a cable that is pulled. */
  lost: number
}

/** The descriptors of the two TAP devices in the process that carries frames; each is there with the next number too. */
export const TAPS = [10, 12] as const
