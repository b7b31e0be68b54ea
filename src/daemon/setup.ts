import { formatKey } from '../../contracts/keys/key.js'
import { Home } from '../identity/home.js'
import { identityFrom } from '../identity/words.js'

export interface SetupOptions {
  home: string
  /** Recover this identity, from its 24 words. */
  words?: string
  playGrantMsat?: bigint
  dryRun?: boolean
}

export interface SetupResult {
  /** The new identity's words, told this once; null when they were given. */
  words: string | null
  identity: string | null
  device: string | null
  dryRun?: boolean
}

/** Makes a home with the wallet that it begins with. A dry run tells only what is known beforehand. */
export async function setUp({ home: dir, words, playGrantMsat, dryRun }: SetupOptions): Promise<SetupResult> {
  if (dryRun) {
    await Home.check(dir)
    const identity = words === undefined ? null : formatKey((await identityFrom(words)).identityPublicKey)
    return { words: null, identity, device: null, dryRun }
  }
  const { home, words: fresh } = await Home.create(dir, {
    ...(words === undefined ? {} : { words }),
    prepare: async draft => {
      const { firstBackend } = await import('../lightning/registry.js')
      const options = playGrantMsat === undefined ? {} : { grantMsat: playGrantMsat }
      await firstBackend().embedded.create(draft.dir, options)
    }
  })
  return { words: fresh, identity: formatKey(home.identity), device: formatKey(home.device.publicKey) }
}
