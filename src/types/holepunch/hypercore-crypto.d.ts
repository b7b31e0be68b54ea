declare module 'hypercore-crypto' {
  export interface KeyPair {
    publicKey: Buffer
    secretKey: Buffer
  }
  /** A node of a Merkle tree; `size` in bytes. */
  export interface TreeNode {
    index: number
    size: number
    hash: Buffer
  }
  const crypto: {
    keyPair(seed?: Buffer): KeyPair
    validateKeyPair(keyPair: KeyPair): boolean
    sign(message: Buffer, secretKey: Buffer): Buffer
    verify(message: Buffer, signature: Buffer, publicKey: Buffer): boolean
    /** Hash of a leaf. */
    data(block: Buffer): Buffer
    parent(a: TreeNode, b: TreeNode): Buffer
    tree(roots: TreeNode[]): Buffer
    /** BLAKE2b-256 of the concatenation. */
    hash(data: Buffer | Buffer[]): Buffer
    randomBytes(bytes: number): Buffer
    discoveryKey(key: Buffer): Buffer
    namespace(name: string, count: number): Buffer[]
  }
  export default crypto
}
