import { mkdir } from 'node:fs/promises'
import type Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import type { CoreLimit } from '#spec'
import { openStore } from '../../network/cores.js'
import type { UploadSource } from '../buyer/buyer-lease.js'
import type { Packer } from '../buyer/mirrors.js'
import { pack } from './pack.js'
import { OpenPack } from './packed.js'
import { survey } from './survey.js'
import { TokenRecorder } from './token-recorder.js'

const DRIVE = 'drive'

/** Packs each drive into its own store, a folder that is removed once the drive is mirrored. */
export const drivePacker: Packer = {
  survey,

  async pack(path, folder, { exclude, tokens, onbytes, onnote, signal }) {
    const recorder = tokens && new TokenRecorder(tokens)
    const store = await openFolder(folder)
    try {
      const packed = await pack({
        path,
        store,
        name: DRIVE,
        exclude,
        onProgress: ({ bytes }) => onbytes(bytes),
        onciphertext: recorder ? (...passed) => recorder.take(...passed) : undefined,
        signal
      })
      packed.notes.forEach(onnote)
      const { link, files, bytes, cores, sha256 } = packed
      // What grew beyond its span after the survey would be sampled by no token.
      const isCovered = cores.every(({ byteLength }, i) => byteLength <= (tokens?.spans[i] ?? 0))
      return { link, files, bytes, cores, sha256, tokens: isCovered ? recorder : null }
    } finally {
      await store.close()
    }
  },

  async reopen(folder, cores: CoreLimit[]) {
    return new PackedFolder(await openFolder(folder), cores)
  }
}

async function openFolder(folder: string): Promise<Corestore> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const store = openStore(folder)
  await store.ready()
  return store
}

class PackedFolder implements UploadSource {
  readonly #store: Corestore
  readonly #packed: OpenPack

  constructor(store: Corestore, cores: CoreLimit[]) {
    this.#store = store
    this.#packed = new OpenPack(
      store,
      cores.map(core => core.key)
    )
  }

  async attach({ stream }: Parameters<UploadSource['attach']>[0]): Promise<void> {
    for (const key of this.#packed.keys) await this.#packed.serve(crypto.discoveryKey(key), stream)
  }

  seals(): ReturnType<UploadSource['seals']> {
    return this.#packed.seals()
  }

  async close(): Promise<void> {
    await this.#packed.close()
    await this.#store.close()
  }
}
