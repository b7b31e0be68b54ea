import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ClnClient } from '../../../src/lightning/backends/cln/client.js'
import type { Era } from './answers.js'
import type { Child } from '../../world/child.js'
import type { Children } from '../../world/children.js'

export interface LightningdOptions {
  /** A short path: Unix sockets are made in it. */
  dir: string
  network?: string
  /** Shared by nodes that pay one another. */
  folder: string
}

/** How the fake behaves until it is told otherwise or started again. */
export interface Behaviour {
  /** Delay of answers. */
  delayMs?: number
  /** Answers come in pieces of this many bytes. */
  pieces?: number
  /** The connection breaks in the middle of this method's answer; '' for none. */
  cut?: string
  /** This method ('*': every method) is never answered. */
  mute?: string
  /** Its warning about being out of sync with the chain. */
  syncing?: string
  /** This method fails with `failCode`. */
  fail?: string
  failCode?: number
  /** Payments to this node wait. */
  hold?: boolean
  /** Its payments are recorded and never sent, also after a kill. */
  stillborn?: boolean
  /** Which of pay and xpay it has. */
  era?: Era
}

export interface HopOptions {
  /** Id of the hop. */
  hop: string
  /** Balance of the payer with the hop, and of the payee with it. */
  msat: bigint
  /** Whether gossip tells of the way. */
  announced: boolean
  /** The least that the hop passes on. */
  leastMsat: bigint
  /** The same as the payee sees it. */
  statedMsat: bigint
}

/** A fake lightningd that runs in a process of its own. */
export class Lightningd {
  readonly socket: string
  nodeId = Buffer.alloc(0)
  readonly #options: LightningdOptions
  readonly #children: Children
  #process: Child | null = null

  constructor(children: Children, options: LightningdOptions) {
    this.#children = children
    this.#options = options
    this.socket = join(options.dir, 'lightning-rpc')
  }

  get pid(): number {
    return this.#process!.pid!
  }

  get network(): string {
    return this.#options.network ?? 'regtest'
  }

  async start(syncing = ''): Promise<void> {
    const { dir, folder } = this.#options
    await mkdir(dir, { recursive: true })
    const args = ['--dir', dir, '--socket', this.socket, '--network', this.network, '--folder', folder]
    if (syncing) args.push('--syncing', syncing)
    const child = this.#children.fork(new URL('./lightningd.js', import.meta.url), { args })
    this.#process = child
    const { id } = await child.next<{ id: string }>()
    this.nodeId = Buffer.from(id, 'hex')
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#process?.kill('SIGKILL')
  }

  /** `syncing`: what it says of the chain from its first answer on. */
  async restart({ syncing = '' }: Pick<Behaviour, 'syncing'> = {}): Promise<void> {
    await this.kill()
    await this.start(syncing)
  }

  /** One call over a connection of its own. */
  async call(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const client = new ClnClient({ socket: this.socket })
    try {
      return await client.call(method, params)
    } finally {
      client.close()
    }
  }

  async behave(behaviour: Behaviour): Promise<void> {
    await this.call('dev-behave', { ...behaviour })
  }

  /**
   * Pays another fake over a hop, a node that is not run: this one has a channel of `ourMsat` with it, the other one of
   * `theirMsat`.
   */
  async hop(payee: Lightningd, route: Partial<HopOptions> = {}): Promise<string> {
    const {
      hop = `03${'ab'.repeat(32)}`,
      msat = 100_000_000n,
      announced = true,
      leastMsat = 1000n,
      statedMsat = 0n
    } = route
    const scid = '568x1x0'
    const total = (2n * msat).toString()
    const id = payee.nodeId.toString('hex')
    await this.call('dev-channel', { peer: hop, totalMsat: total, ourMsat: msat.toString() })
    await payee.call('dev-channel', {
      peer: hop,
      totalMsat: total,
      ourMsat: msat.toString(),
      leastMsat: statedMsat.toString()
    })
    const fees = { baseMsat: '1000', ppm: 1000 }
    await this.call('dev-route', { payee: id, hop, scid, minMsat: leastMsat.toString(), ...fees, announced })
    if (!announced) {
      const hint = { fee_base_msat: 1000, fee_proportional_millionths: 1000, cltv_expiry_delta: 6 }
      await payee.call('dev-hint', { pubkey: hop, short_channel_id: scid, ...hint })
    }
    return hop
  }

  /** A channel to another fake, known to both; of `totalMsat` this one has `ourMsat`. */
  async channel(peer: Lightningd, totalMsat: bigint, ourMsat: bigint): Promise<void> {
    const total = totalMsat.toString()
    await this.call('dev-channel', {
      peer: peer.nodeId.toString('hex'),
      totalMsat: total,
      ourMsat: ourMsat.toString()
    })
    await peer.call('dev-channel', {
      peer: this.nodeId.toString('hex'),
      totalMsat: total,
      ourMsat: (totalMsat - ourMsat).toString()
    })
  }
}

/** Starts one, which ends with these processes. */
export async function startLightningd(children: Children, options: LightningdOptions): Promise<Lightningd> {
  const node = new Lightningd(children, options)
  await node.start()
  return node
}
