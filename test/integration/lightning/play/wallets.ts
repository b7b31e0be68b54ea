import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import HyperDHT, { type NoiseStream } from 'hyperdht'
import createTestnet, { type Testnet } from 'hyperdht/testnet.js'
import { linkLightning } from '../../../../src/lightning/backends/play/link.js'
import { PlayWallet } from '../../../../src/lightning/backends/play/wallet.js'
import type { PaymentState } from '../../../../src/lightning/wallet.js'

export const SAT = 1000n
export const FEELESS = { maxFeeMsat: 0n, timeoutMs: 20_000 }

export interface Invoice {
  paymentHash: Buffer
  preimage: Buffer
  bolt11: string
  msat: bigint
}

/** Wallets in a folder of their own on a private DHT; `destroy` removes all of it. */
export class WalletGroup {
  readonly dir = fs.mkdtempSync(path.join(os.tmpdir(), 'bushel-ln-'))
  readonly #wallets: PlayWallet[] = []
  readonly #nodes: HyperDHT[] = []
  #testnet: Promise<Testnet> | null = null

  folder(name: string): string {
    return path.join(this.dir, name)
  }

  async wallet(name: string, grantMsat?: bigint): Promise<PlayWallet> {
    const wallet = new PlayWallet(
      grantMsat === undefined ? { dir: this.folder(name) } : { dir: this.folder(name), grantMsat }
    )
    this.#wallets.push(wallet)
    await wallet.ready()
    return wallet
  }

  /** `alice` and `bob`, connected; alice can send this many msat to bob. */
  async pair(msat: bigint): Promise<[PlayWallet, PlayWallet]> {
    const [alice, bob] = await Promise.all([this.wallet('alice'), this.wallet('bob')])
    await this.join(alice, bob)
    await alice.reach(bob.nodeId, msat, 20_000)
    return [alice, bob]
  }

  async bootstrap(): Promise<{ host: string; port: number }[]> {
    this.#testnet ??= createTestnet(2, { host: '127.0.0.1' })
    return (await this.#testnet).bootstrap
  }

  async dht(): Promise<HyperDHT> {
    const node = new HyperDHT({ bootstrap: await this.bootstrap(), host: '127.0.0.1', firewalled: false })
    this.#nodes.push(node)
    return node
  }

  /** A connection between two nodes of the DHT, as both ends see it. The first end is the initiator. */
  async connection(): Promise<[NoiseStream, NoiseStream]> {
    const [near, far] = await Promise.all([this.dht(), this.dht()])
    let remote: (stream: NoiseStream) => void = () => undefined
    const accepted = new Promise<NoiseStream>(resolve => (remote = resolve))
    const server = far.createServer({}, stream => remote(stream))
    await server.listen()
    const stream = near.connect(server.publicKey)
    stream.on('error', () => undefined) // the tests cut connections on purpose
    const other = await accepted
    other.on('error', () => undefined)
    return [stream, other]
  }

  /** Connects two wallets; the returned function ends the connection. */
  async join(a: PlayWallet, b: PlayWallet): Promise<() => void> {
    const [near, far] = await this.connection()
    linkLightning(near, a)
    linkLightning(far, b)
    return () => near.destroy()
  }

  async destroy(): Promise<void> {
    await Promise.all(this.#wallets.map(wallet => wallet.close().catch(() => undefined)))
    await Promise.all(this.#nodes.map(node => node.destroy()))
    await (await this.#testnet)?.destroy()
    fs.rmSync(this.dir, { recursive: true, force: true })
  }
}

export async function invoice(payee: PlayWallet, msat: bigint, description = 'a test'): Promise<Invoice> {
  const preimage = randomBytes(32)
  const paymentHash = createHash('sha256').update(preimage).digest()
  return {
    paymentHash,
    preimage,
    msat,
    bolt11: await payee.issue({ preimage, msat, description, expirySeconds: 3600 })
  }
}

/** Pays as the layers above do: until the wallet reports success, sending again only after a failure. */
export async function payUntilSettled(
  payer: PlayWallet,
  payee: Buffer,
  { bolt11, msat }: Invoice
): Promise<void> {
  for (const until = performance.now() + 60_000; performance.now() < until;) {
    const state = await payer.pay(bolt11, FEELESS)
    if (state.status === 'succeeded') return
    await payer.reach(payee, msat, 20_000)
  }
  assert.fail('not paid within a minute')
}

export function succeeded(state: PaymentState, { preimage }: Invoice): void {
  assert.deepEqual(state, { status: 'succeeded', preimage, feeMsat: 0n })
}

export async function spendable(wallet: PlayWallet): Promise<bigint> {
  return (await wallet.balance()).spendableMsat
}

/**
 * Waits for this balance: it changes only when the last signatures are exchanged, a moment after a payment
 * settles.
 */
export async function untilBalance(wallet: PlayWallet, msat: bigint): Promise<void> {
  for (const until = performance.now() + 10_000; performance.now() < until;) {
    if ((await spendable(wallet)) === msat) return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  assert.equal(await spendable(wallet), msat)
}

/** Resolves when the process has ended. */
export async function ended(pid: number): Promise<void> {
  for (const until = performance.now() + 10_000; performance.now() < until;) {
    try {
      process.kill(pid, 0)
    } catch {
      return // the process is gone
    }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  assert.fail(`process ${pid} is still there`)
}
