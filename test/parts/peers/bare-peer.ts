import { randomBytes } from 'node:crypto'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import ProtomuxRPC from 'protomux-rpc'
import type { Hello, JobTerms, Party, SignedQuote, Terms } from '#spec'
import { jobId } from '../../../contracts/job.js'
import { DAY, HOUR, MIB } from '../../../contracts/money/quantity.js'
import { authorOf } from '../../../contracts/keys/attestation.js'
import { parseKey } from '../../../contracts/keys/key.js'
import { PUBLIC_READ } from '../../../contracts/keys/read-key.js'
import { sign } from '../../../contracts/keys/signature.js'
import { decode, encode } from '../../../contracts/schema/codec.js'
import type { StructName, StructOf } from '../../../contracts/schema/codec.js'
import { PROTOCOL_VERSION, agreementId } from '../../../contracts/terms.js'
import type { Address } from '../../../src/network/network.js'
import { lightningId, person } from '../../samples/people.js'
import type { Person } from '../../samples/people.js'
import type { Offer } from './rogue-buyer.js'

/** A decline, by its word. */
export class BareDecline extends Error {
  readonly word: string

  constructor(word: string, reason: string) {
    super(`${word}: ${reason}`)
    this.word = word
  }
}

/** A stranger with a fresh key, on bare hyperdht and protomux-rpc: nothing of the product but the bytes on the wire. */
export class BarePeer {
  readonly stream: NoiseStream
  readonly #who: Person & { lightning: Buffer }
  readonly #rpc: ProtomuxRPC
  #provider!: Party

  private constructor(stream: NoiseStream, who: Person & { lightning: Buffer }) {
    this.stream = stream
    this.#who = who
    this.#rpc = new ProtomuxRPC(stream, { protocol: 'bushel/deal' })
    this.#rpc.on('error', () => undefined)
  }

  static dht(bootstrap: Address[]): HyperDHT {
    return new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
  }

  /** Connects and says hello, changed by `twist`; as a new person without `who`. */
  static async meet(
    dht: HyperDHT,
    { device }: Pick<Offer, 'device'> & Partial<Offer>,
    twist: (hello: Hello) => Partial<Hello> = () => ({}),
    who?: Person
  ): Promise<BarePeer> {
    const [one] = who ? [who] : await person()
    const stream = dht.connect(parseKey(device), { keyPair: one!.device })
    stream.on('error', () => undefined)
    if (!(await stream.opened)) throw new Error('no connection')
    const peer = new BarePeer(stream, { ...one!, lightning: lightningId() })
    await peer.#greet(twist)
    return peer
  }

  async #greet(twist: (hello: Hello) => Partial<Hello>): Promise<void> {
    const { proof, lightning } = this.#who
    const own = {
      version: PROTOCOL_VERSION,
      network: 'play-1',
      proof,
      lightning,
      clock: Date.now(),
      counters: []
    }
    const hello = await this.ask('hello', 'hello', { ...own, ...twist(own) }, 'hello')
    const { identity, device } = authorOf(hello.proof)!
    this.#provider = { identity, device, lightning: (hello as Hello).lightning }
  }

  async ask<Q extends StructName, R extends StructName>(
    method: string,
    request: Q,
    body: StructOf<Q>,
    reply: R,
    id: Buffer = randomBytes(32)
  ): Promise<StructOf<R>> {
    const value = encode('request', { id, body: encode(request, body) })
    const answer = decode('reply', await this.#rpc.request(method, value, { timeout: 20_000 }))
    if (answer.decline) throw new BareDecline(answer.decline.code, answer.decline.reason)
    return decode(reply, answer.body, 16 * MIB)
  }

  /** A lease of one core of so many blocks of 1 MiB that is agreed and not paid. */
  async lease(offer: Offer, blocks: number): Promise<Buffer> {
    const core = { key: randomBytes(32), length: blocks, byteLength: blocks * (MIB - 128) }
    const time = 30 * DAY
    const wanted = { bytes: core.byteLength, blocks, time, firstInstallmentMsat: 5000n }
    const quote = await this.#quote(offer, 'storage', encode('storage-request', wanted))
    const part = decode('storage-quote', quote.quote.body)
    const terms: Terms = {
      ...this.#common(offer, quote),
      ...{ readKey: PUBLIC_READ, cores: [core], time, startBy: quote.quote.validUntil + 30 * 60_000 },
      firstInstallmentMsat: part.firstInstallmentMsat,
      maxInstallmentMsat: part.maxInstallmentMsat,
      minChargeMsat: part.minChargeMsat,
      grace: part.grace,
      egressBytes: part.egressBytes
    }
    const id = agreementId(terms)
    await this.#agree('storage', encode('terms', terms), sign('terms', terms, this.#who.device), quote, id)
    return id
  }

  /** A job that is agreed and not paid. */
  async job(
    offer: Offer,
    change: Pick<JobTerms, 'module' | 'input' | 'args' | 'limits' | 'fuel' | 'isolation'>,
    memory: number
  ): Promise<Buffer> {
    const wanted = {
      ...{ memory, wallMs: HOUR, cpuMs: HOUR },
      ...{ isolation: change.isolation, fuel: change.fuel },
      ...{ firstInstallmentMsat: 1000n, maxMsat: 1_000_000n }
    }
    const quote = await this.#quote(offer, 'compute', encode('compute-request', wanted))
    const part = decode('compute-quote', quote.quote.body)
    const terms: JobTerms = {
      ...this.#common(offer, quote),
      ...change,
      seed: randomBytes(32),
      ...part,
      maxMsat: wanted.maxMsat,
      startBy: quote.quote.validUntil + 2 * 60_000
    }
    const id = jobId(terms)
    const signature = sign('job-terms', terms, this.#who.device)
    await this.#agree('compute', encode('job-terms', terms), signature, quote, id)
    return id
  }

  #quote(offer: Offer, resource: string, body: Buffer): Promise<SignedQuote> {
    const [market, ask] = [parseKey(offer.market), parseKey(offer.id)]
    const request = { market, ask, revision: 1, resource, body, offer: 0n }
    return this.ask('quote', 'quote-request', request, 'signed-quote')
  }

  #common({ market, id }: Offer, { quote }: SignedQuote) {
    const { identity, device, lightning } = this.#who
    return {
      version: PROTOCOL_VERSION,
      nonce: quote.request,
      market: parseKey(market),
      ask: parseKey(id),
      network: 'play-1',
      buyer: { identity, device: device.publicKey, lightning },
      provider: this.#provider,
      price: quote.price,
      countersignBy: quote.validUntil
    }
  }

  async #agree(
    resource: string,
    terms: Buffer,
    signature: Buffer,
    quote: SignedQuote,
    id: Buffer
  ): Promise<void> {
    await this.ask(
      'agree',
      'agreement-request',
      { resource, terms, signature, quote },
      'agreement-answer',
      id
    )
  }

  close(): void {
    this.stream.destroy()
  }
}
