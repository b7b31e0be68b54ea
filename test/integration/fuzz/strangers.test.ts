import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import crypto from 'hypercore-crypto'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import { encode } from '../../../contracts/schema/codec.js'
import type { StructName } from '../../../contracts/schema/codec.js'
import type { Method } from '../../../src/deal/methods.js'
import { linkLightning } from '../../../src/lightning/backends/play/link.js'
import { PlayWallet } from '../../../src/lightning/backends/play/wallet.js'
import { structOf } from '../../samples/arbitraries.js'
import { lightningId, person } from '../../samples/people.js'
import { FakeSeller, RESOURCES, RawPeer, Side, agreedTable } from '../../parts/deal/sides.js'
import { SEED, bytes, mutated, mutations, runs } from '../../samples/mutation.js'

const LIMIT = { timeout: 60_000 }
let testnet: Testnet
let dir: string
let seller: FakeSeller
let dht: HyperDHT
let wallet: PlayWallet
const links: { close(): void }[] = []

before(async () => {
  testnet = await createTestnet(2, { host: '127.0.0.1' })
  dir = await mkdtemp(join(tmpdir(), 'bushel-fuzz-'))
  const [self] = await person()
  const side = new Side(
    { ...self!, lightning: lightningId(), network: 'play-1' },
    join(dir, 'store'),
    testnet.bootstrap
  )
  await side.open()
  seller = new FakeSeller(side)
  wallet = new PlayWallet({ dir: join(dir, 'wallet') })
  await wallet.ready()
  side.network.on('connection', (stream: NoiseStream) => links.push(linkLightning(stream, wallet)))
  dht = new HyperDHT({ bootstrap: testnet.bootstrap, host: '127.0.0.1', firewalled: false })
})

after(async () => {
  for (const link of links) link.close()
  await dht.destroy()
  await seller.side.close()
  await wallet.close()
  await testnet.destroy()
  await rm(dir, { recursive: true })
})

/** A connection of a new device. */
async function connect(): Promise<NoiseStream> {
  const stream = dht.connect(seller.side.device, { keyPair: crypto.keyPair() })
  stream.on('error', () => undefined) // disconnected on purpose
  await stream.opened
  return stream
}

/**
 * Resolves when a connection has ended for any reason; otherwise the time limit of the test ends the wait.
 */
function closed(stream: NoiseStream): Promise<void> {
  stream.resume()
  return new Promise(resolve => stream.once('close', () => resolve()))
}

/** Ends a connection after everything was sent; resolves when the other side has ended it too. */
async function ended(stream: NoiseStream): Promise<void> {
  const over = closed(stream)
  stream.end()
  await over
}

/** The node is unchanged: nothing agreed, no fault of its own reported, and it answers an honest peer. */
async function unharmed(): Promise<void> {
  assert.equal(seller.side.store.table(agreedTable).count, 0)
  assert.equal(seller.agreements, 0)
  assert.deepEqual(seller.side.faults, [])
  const [self] = await person()
  const stream = dht.connect(seller.side.device, { keyPair: self!.device })
  stream.on('error', () => undefined)
  const rawPeer = new RawPeer(
    { self: { ...self!, lightning: Buffer.alloc(33, 2), network: 'play-1' } } as Side,
    stream
  )
  assert.ok((await rawPeer.greet()).body, `seed ${SEED}`)
  rawPeer.rpc.destroy()
  await ended(stream)
}

test('frames of garbage end the connection or are ignored, and the node goes on', LIMIT, async () => {
  const control = bytes(60).map(tail => Buffer.concat([Buffer.from([0]), tail]))
  const open = fc
    .tuple(fc.constantFrom('bushel/deal', 'bushel/lightning', 'bushel/book', 'hypercore/alpha'), bytes(80))
    .map(([protocol, tail]) =>
      Buffer.concat([Buffer.from([0, 1, 1, protocol.length]), Buffer.from(protocol), tail])
    )
  const channel = bytes(60).map(tail => Buffer.concat([Buffer.from([1]), tail]))
  const frames = fc.array(fc.oneof(bytes(200), control, open, channel), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(frames, async frames => {
      const stream = await connect()
      for (const frame of frames) stream.write(frame)
      await ended(stream)
    }),
    { ...runs(60), endOnFailure: true }
  )
  await unharmed()
})

test('nested batches of any depth end the connection', LIMIT, async () => {
  for (const depth of [1, 3, 20_000]) {
    const stream = await connect()
    // Inside the control channel: a batch of messages on the control channel that claims more bytes than
    // follow.
    const level = Buffer.from('0000feffffffff', 'hex')
    const over = closed(stream)
    stream.write(Buffer.concat([Buffer.of(0), ...Array.from({ length: depth + 1 }, () => level)]))
    await over
  }
  await unharmed()
})

test('a mutated message of an honest peer ends the connection or is ignored', LIMIT, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(mutations, { minLength: 1, maxLength: 4 }), fc.nat(3), async (lists, skip) => {
      const stream = await connect()
      let n = 0
      const { write } = stream
      Object.assign(stream, {
        write: (frame: Buffer): boolean => {
          const list = n++ < skip ? null : lists[(n - skip) % lists.length]
          return (write as (frame: Buffer) => boolean).call(stream, list ? mutated(frame, list) : frame)
        }
      })
      const rawPeer = new RawPeer(seller.side, stream)
      const asked = [
        rawPeer.greet(),
        rawPeer.send('progress', rawPeer.wrap('agreement-reference', { agreement: Buffer.alloc(32) }))
      ]
      const answers = Promise.allSettled(asked)
      await ended(stream)
      await answers
    }),
    { ...runs(40), endOnFailure: true }
  )
  await unharmed()
})

/** The struct of each request. */
const REQUESTS = {
  hello: 'hello',
  answer: 'bid-answer',
  quote: 'quote-request',
  agree: 'agreement-request',
  strip: 'strip-request',
  topup: 'strip-request',
  paid: 'paid',
  progress: 'agreement-reference',
  seal: 'signed-seal',
  audit: 'audit',
  token: 'token-audit',
  block: 'spot',
  counter: 'signed-counter',
  void: 'void',
  end: 'end',
  refund: 'refund',
  credit: 'credit',
  repair: 'repair',
  ticket: 'signed-ticket',
  notice: 'signed-notice',
  takeover: 'takeover-request',
  jobProgress: 'agreement-reference',
  jobReveal: 'agreement-reference',
  jobFinal: 'agreement-reference',
  jobKey: 'paid',
  jobCancel: 'agreement-reference'
} as const satisfies Partial<Record<Method, StructName>>

test('a request of each kind with garbage in it ends the connection', LIMIT, async () => {
  const methods = Object.keys(REQUESTS) as (keyof typeof REQUESTS)[]
  assert.deepEqual(methods.toSorted(), Object.keys(RESOURCES.messages).toSorted())
  const kinds = methods.map(method => {
    const struct = REQUESTS[method]
    const body = fc
      .tuple(structOf(struct), mutations)
      .map(([value, list]) => [encode(struct, value as never), list] as const)
    const inner = body.map(([good, list]) => ({ good, sent: mutated(good, list) }))
    return fc.tuple(fc.constant(method), inner, fc.boolean())
  })
  const [self] = await person()
  await fc.assert(
    fc.asyncProperty(fc.oneof(...kinds), async ([method, { good, sent }, whole]) => {
      const stream = dht.connect(seller.side.device, { keyPair: self!.device })
      stream.on('error', () => undefined)
      const rawPeer = new RawPeer(
        { self: { ...self!, lightning: Buffer.alloc(33, 2), network: 'play-1' } } as Side,
        stream
      )
      await rawPeer.greet()
      const over = closed(stream)
      // Every other time the garbage is around the body instead of in it. A second request is always above
      // the size limit of the method.
      const outer = encode('request', { id: crypto.randomBytes(32), body: whole ? good : sent })
      const long = encode('request', {
        id: crypto.randomBytes(32),
        body: Buffer.alloc(RESOURCES.messages[method]!.requestBytes + 2000)
      })
      rawPeer.send(method, whole ? outer.subarray(1) : outer).catch(() => undefined)
      rawPeer.send(method, long).catch(() => undefined)
      await over
    }),
    { ...runs(45), endOnFailure: true }
  )
  await unharmed()
})

test('a request with an unknown method name ends the connection and is not echoed', LIMIT, async () => {
  const stream = await connect()
  const rawPeer = new RawPeer(seller.side, stream)
  const over = closed(stream)
  await assert.rejects(rawPeer.send('x'.repeat(1 << 20), null), (error: Error) => error.message.length < 1000)
  await over
  await unharmed()
})

test(
  'a stranger that sends garbage to the Lightning process is disconnected, and the process goes on',
  LIMIT,
  async () => {
    const { pid } = wallet
    const handshake = Buffer.concat([Buffer.from([6]), Buffer.from('play-1'), wallet.nodeId])
    const message = fc.oneof(
      bytes(200).map(data => Buffer.concat([Buffer.from([0]), data])),
      bytes(12).map(credit => Buffer.concat([Buffer.from([1]), credit])),
      fc.nat(70_000).map(size => Buffer.concat([Buffer.from([0]), Buffer.alloc(size, 3)])),
      fc.constant(Buffer.from('01ffffffffffffff1f00', 'hex'))
    )
    await fc.assert(
      fc.asyncProperty(
        fc.option(mutations),
        fc.array(message, { minLength: 1, maxLength: 8 }),
        async (list, messages) => {
          const stream = await connect()
          const opening = Buffer.concat([
            Buffer.from([0, 1, 1, 16]),
            Buffer.from('bushel/lightning'),
            Buffer.from([0])
          ])
          stream.write(Buffer.concat([opening, list ? mutated(handshake, list) : handshake]))
          for (const one of messages) stream.write(Buffer.concat([Buffer.from([1]), one]))
          await ended(stream)
        }
      ),
      { ...runs(40), endOnFailure: true }
    )
    assert.equal(wallet.pid, pid)
    assert.equal((await wallet.balance()).network, 'play-1')
    await unharmed()
  }
)
