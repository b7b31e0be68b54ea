declare module 'sodium-universal' {
  const sodium: {
    /** BLAKE2b of the input into `output`, with the key when one is given. */
    crypto_generichash(output: Buffer, input: Buffer, key?: Buffer): void
    /** The first bytes of the XSalsa20 stream of a key and a nonce. */
    crypto_stream(output: Buffer, nonce: Buffer, key: Buffer): void
    readonly crypto_stream_NONCEBYTES: number
    readonly crypto_generichash_BYTES_MIN: number
    readonly crypto_box_SEALBYTES: number
    readonly crypto_box_PUBLICKEYBYTES: number
    readonly crypto_box_SECRETKEYBYTES: number
    /** Throws for a key that is no point of the curve. */
    crypto_sign_ed25519_pk_to_curve25519(out: Buffer, publicKey: Buffer): void
    crypto_sign_ed25519_sk_to_curve25519(out: Buffer, secretKey: Buffer): void
    crypto_box_seal(out: Buffer, message: Buffer, publicKey: Buffer): void
    /** False when the box is not for this key, or damaged. */
    crypto_box_seal_open(out: Buffer, box: Buffer, publicKey: Buffer, secretKey: Buffer): boolean
  }
  export default sodium
}
