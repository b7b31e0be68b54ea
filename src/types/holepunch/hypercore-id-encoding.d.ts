declare module 'hypercore-id-encoding' {
  const id: {
    /** z32 of 32 bytes. */
    encode(key: Buffer): string
    /** From z32 (52 characters) or hex (64). Throws on anything else. */
    decode(id: string | Buffer): Buffer
    isValid(id: unknown): boolean
  }
  export default id
}
