import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ProtomuxRPC from 'protomux-rpc'
import type { SignedHead } from '#spec'
import { encode } from '../../../contracts/schema/codec.js'
import { PROTOCOL } from '../../../src/book/peers/channel.js'
import { openBookLog } from '../../../src/book/log/log.js'
import type { BookLog } from '../../../src/book/log/log.js'
import { apply } from '../../../src/book/view/apply.js'
import { encodeOperation } from '../../../src/book/view/operation.js'
import { marketRules } from '../../../src/book/view/rules.js'
import { person } from '../../samples/orders.js'
import type { Person } from '../../samples/orders.js'

/** Data of a founder without the product's node: two of one seed write two logs with one key. */
export interface Book {
  base: BookLog
  store: Corestore
}

/** A connection of a device to another. */
export type Connect = (device: KeyPair, to: Buffer) => Promise<NoiseStream>

/** Where a test or a process leaves what is to be ended. */
export interface Scope {
  after(ending: () => Promise<void>): void
}

/** A founder that keeps several books for one market, and shows each reader the one that it likes. */
export class RogueFounder {
  readonly #scope: Scope
  readonly #connect: Connect
  readonly #seed = crypto.randomBytes(32)
  readonly who: Person

  private constructor(scope: Scope, connect: Connect, who: Person) {
    this.#scope = scope
    this.#connect = connect
    this.who = who
  }

  static async of(scope: Scope, connect: Connect): Promise<RogueFounder> {
    return new RogueFounder(scope, connect, await person())
  }

  /** A book with these ticks after the rules. */
  async book(ticks: number[]): Promise<Book> {
    const dir = await mkdtemp(join(tmpdir(), 'bushel-rogue-'))
    const store = new Corestore(dir, { primaryKey: this.#seed, unsafe: true } as never)
    const base = openBookLog({ store, key: null, ackInterval: 50, apply })
    await base.ready()
    const rules = marketRules(this.who.device.publicKey, 'two faces', {})
    await base.append([encodeOperation('rules', rules), encodeOperation('tick', { time: ticks[0]! })])
    for (const time of ticks.slice(1)) await base.append(encodeOperation('tick', { time }))
    await signed(base)
    this.#scope.after(async () => {
      await base.close()
      await store.close()
      await rm(dir, { recursive: true })
    })
    return { base, store }
  }

  /** Shows a peer this book as the founder would. */
  async show(book: Book, device: Buffer): Promise<NoiseStream> {
    const stream = await this.#connect(this.who.device, device)
    book.store.replicate(stream)
    const rpc = speak(stream, book, {
      version: 1,
      writer: book.base.local.key,
      head: headOf(book.base.view.core)
    })
    const heads = (): Promise<Buffer> =>
      Promise.resolve(
        encode('book-heads', { heads: [{ key: book.base.local.key, length: book.base.local.length }] })
      )
    rpc.respond('said', () => Promise.resolve(null))
    rpc.respond('heads', heads)
    rpc.respond('signed', () => Promise.resolve(null))
    await once(rpc, 'open')
    rpc.event('said', await heads())
    return stream
  }
}

interface Hello {
  version: number
  writer: Buffer
  head: SignedHead | null
}

export function speak(stream: NoiseStream, { base }: Book, hello: Hello): ProtomuxRPC {
  return new ProtomuxRPC(stream, {
    protocol: PROTOCOL,
    id: crypto.discoveryKey(base.key),
    handshake: encode('book-hello', hello)
  })
}

/** The signed head of a core as Hypercore keeps it. */
export function headOf(core: Hypercore): SignedHead {
  const { length, fork, signature, roots } = core.core.state
  return { length, fork, hash: crypto.tree(roots), signature: signature.subarray(2, 66) }
}

/** Resolves when the founder has signed all of its view. */
export async function signed(base: BookLog): Promise<void> {
  const { core } = base.view
  while (!core.core.state.signature || core.core.state.length < core.length) await once(base, 'update')
}
