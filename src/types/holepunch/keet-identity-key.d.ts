declare module 'keet-identity-key' {
  import type { KeyPair } from 'hypercore-crypto'

  export interface VerifiedProof {
    identityPublicKey: Buffer
    devicePublicKey: Buffer
  }

  export default class IdentityKey {
    static generateMnemonic(): string
    /** Throws on words that are not a valid mnemonic. */
    static from(source: { mnemonic: string } | { seed: Buffer }): Promise<IdentityKey>
    /** 139 to 299 bytes. */
    static attestData(data: Buffer, keyPair: KeyPair, proof: Buffer): Buffer
    static attestDevice(device: Buffer, parent: KeyPair, proof: Buffer): Buffer
    /** Null when it does not hold; throws on bytes that are no proof. */
    static verify(
      proof: Buffer,
      data: Buffer | null,
      options?: { expectedIdentity?: Buffer; expectedDevice?: Buffer }
    ): VerifiedProof | null
    readonly identityPublicKey: Buffer
    readonly identityKeyPair: KeyPair
    bootstrap(device: Buffer): Promise<Buffer>
    clear(): void
  }
}
