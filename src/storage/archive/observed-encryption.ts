import type Hypercore from 'hypercore'

/** Called with each block of ciphertext before it is stored, and the byte of the core at which it begins. */
export type CiphertextObserver = (offset: number, block: Buffer) => void

/**
 * Shows the ciphertext that is appended to a core, so that it need not be read back. A block that is appended again after a
 * truncation is shown again. The core keeps its encryption.
 */
export async function observeCiphertext(core: Hypercore, observe: CiphertextObserver): Promise<void> {
  const { encryption } = core
  if (!encryption) throw new Error('the core is not encrypted')
  let [next, offset] = [-1, 0]
  await core.setEncryption({
    padding: (context, index) => encryption.padding(context, index),
    decrypt: (index, block, context) => encryption.decrypt(index, block, context),
    async encrypt(index, block, fork, context) {
      await encryption.encrypt(index, block, fork, context)
      // The first block of a batch begins where the core ends.
      if (index !== next) offset = core.byteLength + core.length * core.padding
      observe(offset, block)
      offset += block.byteLength
      next = index + 1
    }
  })
}
