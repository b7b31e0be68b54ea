import type { Duplex } from 'node:stream'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import ReadyResource from 'ready-resource'
import type { SealedCore } from '#spec'
import { attachCore, detachCore } from '../../network/cores.js'
import { sealOf } from '../lease/audit.js'

/**
 * The cores of a packed drive (or any other complete cores of the store), reopened for the upload. Opened by their keys
 * without the encryption key: the upload is ciphertext.
 */
export class OpenPack extends ReadyResource {
  readonly keys: readonly Buffer[]
  readonly #store: Corestore
  #cores: Hypercore[] = []

  constructor(store: Corestore, keys: readonly Buffer[]) {
    super()
    this.#store = store
    this.keys = keys
  }

  protected override async _open(): Promise<void> {
    this.#cores = this.keys.map(key => this.#store.get({ key, active: false }))
    await Promise.all(this.#cores.map(core => core.ready()))
  }

  protected override async _close(): Promise<void> {
    for (const core of this.#cores) {
      if (core.opened) detachCore(core)
      await core.close()
    }
  }

  /** Replicates the core with this discovery key over the connection. Returns false when the drive has no such core. */
  async serve(discoveryKey: Buffer, stream: Duplex): Promise<boolean> {
    await this.ready()
    const core = this.#cores.find(core => crypto.discoveryKey(core.key).equals(discoveryKey))
    if (!core || this.closing) return false
    attachCore(core, stream)
    return true
  }

  /** The seals of the cores in the order of the keys, for the buyer's seal. */
  async seals(): Promise<SealedCore[]> {
    await this.ready()
    return Promise.all(this.#cores.map(core => sealOf(core)))
  }
}
