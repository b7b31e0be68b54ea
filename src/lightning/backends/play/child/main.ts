/**
 * The Lightning process, started by `LightningProcess`; its messages are in `messages.ts`. It ends with its parent, or
 * after an unrecoverable error, which it reports in its last message.
 */
import fs from 'node:fs'
import { removeUnfinished } from '../../../../base/disk/atomic-file.js'
import { pause } from '../../../../base/timeouts.js'
import fsx from 'fs-native-extensions'
import { BushelError } from '../../../../../contracts/errors/error.js'
import type { Liquidity } from '../../../liquidity.js'
import type { Balance } from '../../../wallet.js'
import { Batch } from '../batch.js'
import { balanceText, createWalletDir, lockFile, openState, writeBalance } from '../log/disk.js'
import { Channels } from './channels.js'
import { broken, reasonOf } from '../failure.js'
import { InboundChannels } from './inbound.js'
import { loadLdk, panicText } from './ldk.js'
import type { WalletCall, CallName, WalletCalls, FromChild, ToChild } from '../messages.js'
import { PlayNode } from './node.js'
import { LdkPayments } from './payments.js'
import { Store } from '../log/store.js'
import { Transport } from './transport.js'

const LOCK_WAIT_MS = 3_000
const LOCK_POLL_MS = 50
const SNAPSHOT_MS = 10_000
const BROKEN_EXIT = 70

/** Calls that change LDK's state and may be the cause of a later failure; the others only read. */
const CHANGING: ReadonlySet<CallName> = new Set([
  'issue',
  'refuse',
  'reach',
  'pay',
  'abandon',
  'closeUnused',
  'resolve'
])

type CallHandlers = { [N in keyof WalletCalls]: (...args: Parameters<WalletCalls[N]>) => unknown }

const outgoing = new Batch<FromChild>(messages => {
  if (process.connected) process.send?.(messages, undefined, undefined, () => undefined)
})

function send(message: FromChild): void {
  outgoing.add(message)
}

let node: PlayNode | null = null

/** Handles a message. Replaced when the wallet is open; before that, only `open` and `close` come. */
let handle = (message: ToChild): void => {
  if (message.type === 'open')
    open(message).catch((error: unknown) => die(error, { final: error instanceof BushelError }))
  else process.exit(0)
}

function disconnect(): void {
  outgoing.flush()
  if (process.connected) process.disconnect()
}

/** Reports the error and ends the process. After a panic LDK's state is invalid and must not be written to disk. */
function die(error: unknown, { final = false, calls = [] as number[] } = {}): void {
  node?.stop()
  const known = error instanceof BushelError
  const reason = known ? error.message : reasonOf(panicText() || String(error))
  const shape = (known ? error : broken(reason)).toJSON()
  const end = (): never => process.exit(BROKEN_EXIT)
  if (!process.connected || !process.send) return end()
  outgoing.flush()
  process.send(
    [{ type: 'fatal', reason, error: shape, final, calls }] satisfies FromChild[],
    undefined,
    undefined,
    end
  )
}

/** Takes the folder's lock; waits for an earlier process whose parent was killed. Two processes would ruin the wallet. */
async function lock(dir: string): Promise<void> {
  const fd = fs.openSync(lockFile(dir), 'a', 0o600)
  for (const until = performance.now() + LOCK_WAIT_MS; !fsx.tryLock(fd); await pause(LOCK_POLL_MS)) {
    if (performance.now() < until) continue
    throw new BushelError(
      'WALLET_BUSY',
      'another process uses the wallet; nothing was changed',
      'stop the node that runs on this home'
    )
  }
}

/** What the file of the balance tells. */
type Shown = Balance & Liquidity

/**
 * Keeps the balance in the file that is read while no node runs. After a kill it may lag by `SNAPSHOT_MS`: the file is not
 * worth a pause of the payments.
 */
class Snapshot {
  readonly #dir: string
  readonly #balance: () => Shown
  #timer: NodeJS.Timeout | null = null
  #written = ''

  constructor(dir: string, balance: () => Shown) {
    this.#dir = dir
    this.#balance = balance
  }

  /** A write that fails is tried again with the next change. */
  soon(): void {
    this.#timer ??= setTimeout(() => void this.write().catch(() => undefined), SNAPSHOT_MS)
  }

  async write(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const balance = this.#balance()
    const text = balanceText(balance)
    if (text === this.#written) return
    await writeBalance(this.#dir, text)
    this.#written = text
  }
}

async function open({ dir, grantMsat, settledAfter }: Extract<ToChild, { type: 'open' }>): Promise<void> {
  await loadLdk()
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
  await lock(dir)
  await removeUnfinished(dir)
  createWalletDir(dir, grantMsat)
  const { seed, log } = openState(dir)
  const store = new Store(log)

  const playNode = new PlayNode(seed, store, {
    read: () => transport.read(),
    handle: event => {
      inbound.handle(event)
      if (!payments.handle(event)) channels.handle(event)
    },
    release: () => {
      transport.flush()
      snapshot.soon()
    },
    broken: (error, calls) => die(error, { calls })
  })
  node = playNode
  const transport = new Transport(playNode.engine, send, () => playNode.requestCycle())
  const channels = new Channels(playNode, transport)
  const payments = new LdkPayments(playNode, channels, message => playNode.afterCommit(() => send(message)))
  const inbound = new InboundChannels({
    node: playNode,
    transport,
    ask: (id, device) => send({ type: 'opening', id, device }),
    awaitsAnyone: () => payments.awaitsAnyone
  })
  const snapshot = new Snapshot(dir, () => ({ ...channels.balance(), ...channels.liquidity() }))
  const handlers: CallHandlers = {
    balance: () => channels.balance(),
    liquidity: () => channels.liquidity(),
    issue: request => payments.issue(request),
    refuse: paymentHash => payments.refuse(paymentHash),
    invoice: paymentHash => payments.invoice(paymentHash),
    reach: (nodeId, msat, timeoutMs) => channels.reach(nodeId, msat, timeoutMs),
    pay: (invoice, maxFeeMsat, timeoutMs) => payments.pay(invoice, maxFeeMsat, timeoutMs),
    payment: paymentHash => payments.payment(paymentHash),
    history: (since, from) => payments.history(since, from),
    canReceive: (from, msat) => channels.canReceive(from, msat),
    abandon: (nodeId, id, deltaMsat) => channels.abandon(nodeId, id, deltaMsat),
    unused: () => inbound.unused(),
    closeUnused: devices => inbound.closeUnused(devices),
    resolve: (paymentHash, preimage) => payments.resolve(paymentHash, preimage)
  }

  /** Runs a call and answers once its effects are on disk. */
  const answer = async (id: number, { name, args }: WalletCall): Promise<void> => {
    let message: FromChild
    try {
      const work = (): unknown => (handlers[name] as (...args: unknown[]) => unknown)(...args)
      const value = await (CHANGING.has(name) ? playNode.work(id, work) : work())
      message = { type: 'answer', id, value }
    } catch (error) {
      if (!(error instanceof BushelError)) return die(error, { calls: [id] })
      message = { type: 'refusal', id, error: error.toJSON() }
    }
    playNode.afterCommit(() => send(message))
  }

  playNode.runCycle()
  channels.reconcile()
  playNode.runCycle()
  snapshot.soon()
  handle = message => {
    if (playNode.closed) return
    switch (message.type) {
      case 'call':
        void answer(message.id, message.call)
        break
      case 'attach':
        channels.beforeConnect(message.nodeId)
        transport.attach(message)
        break
      case 'data':
        transport.receive(message.conn, message.bytes)
        break
      case 'ack':
        transport.acked(message.conn, message.size)
        break
      case 'detach':
        transport.detach(message.conn)
        break
      case 'opened':
        inbound.answer(message.id, message.allowed)
        break
      case 'close':
        playNode.close()
        snapshot.write().then(disconnect, die)
        break
      case 'open':
        break // only ever comes first
    }
  }
  send({ type: 'ready', nodeId: playNode.engine.nodeId, settledOrder: payments.order })
  if (settledAfter !== null) payments.resendSettled(settledAfter)
}

// The terminal sends signals to all of its processes; the parent decides when this one ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => process.exit(0))
process.on('uncaughtException', error => die(error))
process.on('message', (messages: ToChild[]) => {
  for (const message of messages) handle(message)
})
