import type { Duplex } from 'node:stream'
import { Transform } from 'node:stream'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import type { CoreLimit } from '#spec'
import { attachCore } from '../../../src/network/cores.js'
import type { Server } from './wire.js'

export interface HolderRequest {
  of: 'list' | 'data'
  block: { index: number } | null
  upgrade: object | null
}

interface Peer {
  stream: Duplex
  onrequest(request: Omit<HolderRequest, 'of'>): unknown
}

/** Holds a whole packed drive and announces it, and answers the requests for which `answers` is true. */
export class RogueHolder implements Server {
  readonly asked: Promise<void>
  /** How often a channel for a core was closed. */
  closed = 0
  readonly #store: Corestore
  readonly #keys: Buffer[]
  readonly #answers: (request: HolderRequest) => boolean
  readonly #streams = new Set<Duplex>()
  readonly #cores = new Map<string, Promise<Hypercore>>()
  #onasked!: () => void

  /** `store` has the drive whose cores these are: the list of files, then the data. */
  constructor(store: Corestore, cores: readonly CoreLimit[], answers: (request: HolderRequest) => boolean) {
    this.#store = store
    this.#keys = cores.map(({ key }) => key)
    this.#answers = answers
    this.asked = new Promise(resolve => (this.#onasked = resolve))
  }

  async serve(discoveryKey: Buffer, stream: Duplex): Promise<boolean> {
    const at = this.#keys.findIndex(key => crypto.discoveryKey(key).equals(discoveryKey))
    if (at < 0) return false
    this.#streams.add(stream)
    const id = discoveryKey.toString('hex')
    const opening = this.#cores.get(id) ?? this.#open(this.#keys[at]!, at === 0 ? 'list' : 'data')
    this.#cores.set(id, opening)
    attachCore(await opening, stream)
    return true
  }

  async close(): Promise<void> {
    for (const core of this.#cores.values()) await (await core).close()
  }

  async #open(key: Buffer, of: 'list' | 'data'): Promise<Hypercore> {
    const core = this.#store.get({ key, active: false })
    await core.ready()
    core.on('peer-add', (peer: Peer) => {
      if (!this.#streams.has(peer.stream)) return
      const onrequest = peer.onrequest.bind(peer)
      peer.onrequest = request => {
        const isAnswered = this.#answers({ ...request, of })
        if (!isAnswered) this.#onasked()
        return isAnswered ? onrequest(request) : undefined
      }
    })
    core.on('peer-remove', (peer: Peer) => {
      if (this.#streams.has(peer.stream)) this.closed++
    })
    return core
  }
}

/** A stream that passes everything until it is narrowed, and then `rate` bytes a second. */
export function narrowing(rate: number): { stream: Transform; narrow: () => void } {
  let isNarrow = false
  const stream = new Transform({
    transform(chunk: Buffer, _, done) {
      let at = 0
      const step = (): void => {
        if (at >= chunk.byteLength) return done()
        const end = isNarrow ? Math.min(chunk.byteLength, at + Math.ceil(rate / 10)) : chunk.byteLength
        this.push(chunk.subarray(at, end))
        at = end
        if (isNarrow) setTimeout(step, 100).unref()
        else step()
      }
      step()
    }
  })
  return { stream, narrow: () => void (isNarrow = true) }
}
