/** The 32 characters of bech32 (BIP 173), in the order of their values. */
export const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'

/** A text in bech32: words of 5 bits behind a prefix, with a valid checksum. */
export function withChecksum(prefix: string, words: number[]): string {
  const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
  const step = (check: number, value: number): number => {
    let next = ((check & 0x1ffffff) << 5) ^ value
    generators.forEach((generator, i) => {
      if (((check >>> 25) >>> i) & 1) next ^= generator
    })
    return next >>> 0
  }
  const codes = [...prefix].map(letter => letter.charCodeAt(0))
  const input = [
    ...codes.map(code => code >> 5),
    0,
    ...codes.map(code => code & 31),
    ...words,
    0,
    0,
    0,
    0,
    0,
    0
  ]
  const check = input.reduce(step, 1) ^ 1
  const sum = [25, 20, 15, 10, 5, 0].map(shift => (check >>> shift) & 31)
  return `${prefix}1${[...words, ...sum].map(word => ALPHABET[word]).join('')}`
}
