declare module 'z32' {
  const z32: {
    encode(bytes: Buffer): string
    /** Throws on a character outside the alphabet. */
    decode(text: string): Buffer
  }
  export default z32
}
