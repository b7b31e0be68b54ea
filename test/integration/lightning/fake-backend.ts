import { ECDH, createECDH, createHash, randomBytes } from 'node:crypto'
import bolt11 from 'bolt11'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../../contracts/errors/error.js'
import type { WalletBackend, WalletMemory } from '../../../src/lightning/backend.js'
import { ledgerOf } from '../../../src/lightning/backend.js'
import { readInvoice } from '../../../src/lightning/invoice.js'
import { path, text } from '../../../src/lightning/settings.js'
import type {
  InvoiceRequest,
  InvoiceState,
  PaymentState,
  WalletRecord
} from '../../../src/lightning/payment-records.js'
import type { Liquidity } from '../../../src/lightning/liquidity.js'
import type { Balance, Wallet, WalletCondition } from '../../../src/lightning/wallet.js'

const NETWORK = 'regtest'
const FEE_MSAT = 21n
const FEATURES = {
  word_length: 4,
  var_onion_optin: { required: true, supported: false },
  payment_secret: { required: true, supported: false }
}

interface Held {
  preimage: Buffer
  msat: bigint
  invoice: string
  description: string
  state: InvoiceState
}

interface Sent {
  msat: bigint
  state: PaymentState
  description: string
  at: number
}

/** A node of a Lightning network inside this process; it outlives the wallets that open it. */
class Account {
  readonly secret = randomBytes(32)
  readonly invoices = new Map<string, Held>()
  readonly sent = new Map<string, Sent>()
  readonly wallets = new Set<FakeWallet>()
  msat = 1_000_000n

  get nodeId(): Buffer {
    const ecdh = createECDH('secp256k1')
    ecdh.setPrivateKey(this.secret)
    return ECDH.convertKey(ecdh.getPublicKey(), 'secp256k1', undefined, undefined, 'compressed') as Buffer
  }

  get balance(): Balance {
    return { network: NETWORK, spendableMsat: this.msat, receivableMsat: 5_000_000n }
  }
}

const accounts = new Map<string, Account>()

function accountOf(name: string): Account {
  const account = accounts.get(name) ?? new Account()
  accounts.set(name, account)
  return account
}

class FakeWallet extends ReadyResource implements Wallet {
  readonly network = NETWORK
  readonly real = true
  readonly #account: Account
  readonly #memory: WalletMemory

  constructor(account: Account, memory: WalletMemory) {
    super()
    this.#memory = memory
    this.#account = account
  }

  get nodeId(): Buffer {
    return this.#account.nodeId
  }

  /** Counts in the home how often it was opened. */
  protected override async _open(): Promise<void> {
    this.#account.wallets.add(this)
    const times = Number(this.#memory.get('opened') ?? 0) + 1
    await this.#memory.set('opened', Buffer.from(String(times)))
  }

  protected override _close(): Promise<void> {
    this.#account.wallets.delete(this)
    return Promise.resolve()
  }

  balance(): Promise<Balance> {
    return Promise.resolve(this.#account.balance)
  }

  liquidity(): Promise<Liquidity> {
    return Promise.resolve({ peers: [], largestMsat: this.#account.msat, newChannelMsat: 0n })
  }

  issue({ preimage, msat, description, expirySeconds }: InvoiceRequest): Promise<string> {
    const hash = createHash('sha256').update(preimage).digest('hex')
    const known = this.#account.invoices.get(hash)
    if (known) return Promise.resolve(known.invoice)
    const request = {
      network: { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] },
      millisatoshis: msat.toString(),
      tags: [
        { tagName: 'payment_hash', data: hash },
        { tagName: 'payment_secret', data: randomBytes(32).toString('hex') },
        { tagName: 'description', data: description },
        { tagName: 'expire_time', data: expirySeconds },
        { tagName: 'feature_bits', data: FEATURES }
      ]
    }
    const signed = bolt11.sign(bolt11.encode(request, false), this.#account.secret)
    const invoice = signed.paymentRequest as string
    this.#account.invoices.set(hash, { preimage, msat, invoice, description, state: { status: 'open' } })
    return Promise.resolve(invoice)
  }

  refuse(paymentHash: Buffer): Promise<InvoiceState> {
    const held = this.#account.invoices.get(paymentHash.toString('hex'))
    if (held?.state.status === 'open') held.state = { status: 'refused' }
    return this.invoice(paymentHash)
  }

  invoice(paymentHash: Buffer): Promise<InvoiceState> {
    const held = this.#account.invoices.get(paymentHash.toString('hex'))
    return Promise.resolve(held?.state ?? { status: 'unknown' })
  }

  reach(): Promise<void> {
    return Promise.resolve()
  }

  pay(invoice: string): Promise<PaymentState> {
    const { paymentHash, msat, payee, description } = readInvoice(invoice, NETWORK)
    const hash = paymentHash.toString('hex')
    const known = this.#account.sent.get(hash)?.state
    if (known?.status === 'succeeded') return Promise.resolve(known)
    const state = this.#settle(payee, hash, msat!)
    this.#account.sent.set(hash, { msat: msat!, state, description, at: Date.now() })
    return Promise.resolve(state)
  }

  #settle(payee: Buffer, hash: string, msat: bigint): PaymentState {
    const to = [...accounts.values()].find(account => account.nodeId.equals(payee))
    const held = to?.invoices.get(hash)
    if (!to || held?.state.status !== 'open') return { status: 'failed', reason: 'no route' }
    this.#account.msat -= msat + FEE_MSAT
    to.msat += msat
    held.state = { status: 'settled', receivedMsat: msat, settledAt: Date.now() }
    for (const wallet of to.wallets) wallet.emit('settled', Buffer.from(hash, 'hex'), msat)
    return { status: 'succeeded', preimage: held.preimage, feeMsat: FEE_MSAT }
  }

  payment(paymentHash: Buffer): Promise<PaymentState> {
    return Promise.resolve(
      this.#account.sent.get(paymentHash.toString('hex'))?.state ?? { status: 'unknown' }
    )
  }

  history({ since = 0 }: { since?: number } = {}): Promise<WalletRecord[]> {
    const records: WalletRecord[] = []
    for (const [hash, { msat, state, description, at }] of this.#account.sent) {
      const { preimage = null, feeMsat = 0n } = state.status === 'succeeded' ? state : {}
      const status = state.status === 'succeeded' ? 'succeeded' : 'failed'
      const paymentHash = Buffer.from(hash, 'hex')
      records.push({ direction: 'sent', paymentHash, msat, feeMsat, preimage, status, at, description })
    }
    for (const [hash, { preimage, description, state }] of this.#account.invoices) {
      if (state.status !== 'settled') continue
      const { receivedMsat: msat, settledAt: at } = state
      const paymentHash = Buffer.from(hash, 'hex')
      const received = { direction: 'received', feeMsat: 0n, status: 'succeeded' } as const
      records.push({ ...received, paymentHash, msat, preimage, at, description })
    }
    return Promise.resolve(records.filter(({ at }) => at >= since).sort((a, b) => a.at - b.at))
  }

  condition(): Promise<WalletCondition> {
    return Promise.resolve({ state: 'working', reason: '' })
  }

  canReceive(): Promise<boolean> {
    return Promise.resolve(true)
  }
}

const settings = {
  account: text({ required: true, help: 'name of the account', example: 'savings' }),
  pinFile: path({ required: false, help: 'file with the PIN', example: '~/pin' })
}

/** A wallet in memory: the least that another kind of wallet has to provide. */
export const fake: WalletBackend<typeof settings> = {
  id: 'fake',
  title: 'Bank',
  networks: [NETWORK],
  settings,
  ledgerName: node => ledgerOf('fake', node),
  probe({ settings: { account, pinFile } }) {
    if (pinFile !== undefined) throw new BushelError('WALLET_UNREACHABLE', `there is no ${pinFile}`)
    const { nodeId, balance } = accountOf(account)
    const alias = `account ${account}`
    return Promise.resolve({ ...balance, nodeId, alias, syncing: null, realMoney: account === 'gold' })
  },
  load: ({ settings: { account }, memory }) => Promise.resolve(new FakeWallet(accountOf(account), memory))
}

/** From now on another node answers for an account. */
export function replaceAccount(name: string): void {
  accounts.delete(name)
}
