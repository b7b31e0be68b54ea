declare module 'sodium-universal' {
  const sodium: {
    /** BLAKE2b of the input into `output`, with the key when one is given. */
    crypto_generichash(output: Buffer, input: Buffer, key?: Buffer): void
    /** The first bytes of the XSalsa20 stream of a key and a nonce. */
    crypto_stream(output: Buffer, nonce: Buffer, key: Buffer): void
    readonly crypto_stream_NONCEBYTES: number
    readonly crypto_generichash_BYTES_MIN: number
  }
  export default sodium
}
