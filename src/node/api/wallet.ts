import * as v from 'valibot'
import { LEAST_PAYMENT } from '../../../contracts/money/money.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import type { WalletChoice } from '../../identity/config.js'
import { readInvoice } from '../../lightning/invoice.js'
import type { PaymentState } from '../../lightning/payment-records.js'
import type { Liquidity } from '../../lightning/liquidity.js'
import type { Balance } from '../../lightning/wallet.js'
import type { Payment } from '../../payment/ledger.js'
import { STEP } from '../../payment/payment-state.js'
import { backendOf, readBalance } from '../backend.js'
import type { NodeContext } from '../context.js'
import { call, callWithDryRun, reading } from './definition/call.js'
import {
  fields,
  flag,
  form,
  key,
  listed,
  maybe,
  moment,
  msat,
  oneOf,
  orNull,
  said,
  text,
  whole
} from './definition/schema.js'
import type { Values } from './definition/schema.js'

/** Records that are answered by default. */
const NEWEST = 1000

const hash = said('payment hash, hex')
const record = fields({
  direction: oneOf(['sent', 'received'], 'which way it went'),
  at: moment('when'),
  msat: msat('amount'),
  feeMsat: msat('fee'),
  status: said('its state in the wallet'),
  hash,
  description: said('description of the invoice'),
  kind: orNull(v.string(), 'installment, refund or direct; null: the ledger does not know it'),
  agreement: orNull(key('id of the agreement'), 'what it was for; null: nothing of Bushel'),
  installment: orNull(v.number(), 'number of the installment, from 0; null: none')
})

type WalletEntry = v.InferOutput<typeof record>

const invoiceForm = form(
  /^[lL][nN][a-zA-Z0-9]+$/,
  7089,
  'must be an invoice: ln and at most 7087 letters and digits',
  'a BOLT 11 invoice'
)

const stuck = fields({
  hash: said('payment hash, hex'),
  msat: msat('amount'),
  feeMsat: msat('the most that its fee may be, which is bound with it'),
  at: moment('when it was sent, or failed'),
  kind: said('installment, refund or direct'),
  agreement: orNull(key('id of the agreement'), 'what it is for; null: nothing of Bushel'),
  installment: orNull(v.number(), 'number of the installment, from 0; null: none'),
  why: said('why it is not over'),
  todo: said('what can be done')
})

type StuckPayment = v.InferOutput<typeof stuck>

const STUCK_CALL = call(
  {
    summary: 'lists payments that are in flight or have failed and are still due, with what can be done',
    params: {},
    result: { payments: listed(stuck, 'the payments, the oldest first') },
    changes: false,
    needs: 'node'
  },
  async (node: NodeContext) => {
    const { wallet, ledger } = await node.trade()
    const payments: StuckPayment[] = []
    for (const payment of [...ledger.at(STEP.sent, STEP.failed)]) {
      if (payment.role !== 'payer') continue
      const reason = reasonFor(payment, await wallet.payment(payment.hash))
      if (reason) payments.push({ ...plain(payment), ...reason })
    }
    return { payments: payments.sort((a, b) => a.at - b.at) }
  }
)

function plain({
  hash,
  msat,
  feeMsat,
  at,
  kind,
  agreement,
  installment
}: Payment): Omit<StuckPayment, 'why' | 'todo'> {
  return {
    hash: hash.toString('hex'),
    msat: msat.toString(),
    feeMsat: feeMsat.toString(),
    at,
    kind,
    agreement: kind === 'direct' ? null : formatKey(agreement),
    installment: kind === 'installment' ? installment : null
  }
}

/** Null for a payment that is over. */
function reasonFor({ kind }: Payment, state: PaymentState): Pick<StuckPayment, 'why' | 'todo'> | null {
  const again =
    kind === 'direct'
      ? 'ask for a new invoice, and pay that'
      : 'none: it is paid anew when it is due, under a new hash'
  switch (state.status) {
    case 'succeeded':
      return null
    case 'pending':
      return state.orphaned
        ? {
            why: 'its channel was given up, so only the payee knows its outcome',
            todo: 'wait until the payee is online: it is asked'
          }
        : {
            why: 'it is on its way: a channel holds it until the payee, or a timeout of the channel, decides',
            todo: 'wait, up to some hours; it is not paid twice, and nothing is lost'
          }
    case 'failed':
      if (state.dead) return { why: state.reason, todo: again }
      return {
        why: state.reason,
        todo: kind === 'direct' ? 'pay the same invoice again' : 'none: it is tried again when it is due'
      }
    case 'unknown':
      return { why: 'the wallet has never sent it', todo: 'none: it is sent when it is due' }
  }
}

const peer = fields({
  peer: said('Lightning node of the peer, hex'),
  usable: flag('whether a payment could go over a channel with it now'),
  channels: whole(0, 1_000_000, 'how many channels there are with it'),
  spendableMsat: msat('can be sent to it'),
  receivableMsat: msat('can be received from it')
})

const BALANCE = {
  backend: said('id of the kind of wallet'),
  network: said('its Lightning network'),
  nodeId: maybe(said('its Lightning node, hex; absent for the embedded wallet')),
  spendableMsat: msat('can be sent'),
  receivableMsat: msat('can be received over the channels that are open now'),
  largestMsat: maybe(msat('most that can be sent in one payment, its fee included')),
  newChannelMsat: maybe(
    msat(
      'most that can be sent to a node without a channel, over one that is opened for it; 0: none is opened'
    )
  ),
  peers: maybe(
    listed(
      peer,
      'the nodes with which there are channels; while no node is up, the 200 to which most can be sent'
    )
  ),
  condition: maybe(said('working, starting or down, while a node runs')),
  syncing: maybe(said('why it cannot pay yet; absent when it can'))
}

export const WALLET_CALLS = {
  wallet: reading(
    {
      summary: 'tells what can be sent and received',
      result: BALANCE
    },
    {
      run: async node => {
        const { wallet } = await node.trade()
        const { state, reason } = await wallet.condition()
        const balance = walletResult(node.home.wallet, {
          ...(await wallet.balance()),
          ...(await wallet.liquidity())
        })
        return { ...balance, condition: state, ...(state === 'starting' ? { syncing: reason } : {}) }
      },
      offline: async ({ dir, wallet }) => walletResult(wallet, await readBalance(dir, wallet))
    }
  ),
  'wallet.history': call(
    {
      summary: "lists the wallet's own records, the newest last, each with its purpose by the ledger",
      params: { limit: maybe(whole(0, 1_000_000, `most records; absent: ${NEWEST}`)) },
      result: { records: listed(record, 'the newest records') },
      changes: false,
      needs: 'node'
    },
    walletHistory
  ),
  'wallet.stuck': STUCK_CALL,
  'wallet.invoice': callWithDryRun(
    {
      summary: 'creates an invoice that anyone can pay',
      params: {
        msat: msat('amount', LEAST_PAYMENT),
        description: text(0, 639, 'description for the payer'),
        expirySeconds: whole(1, 365 * 86_400, 'how long it is valid, s')
      },
      result: { invoice: said('the invoice; empty in a dry run'), hash, msat: msat('amount') },
      changes: true,
      needs: 'node'
    },
    async (node, { msat, description, expirySeconds, dryRun }) => {
      const { payments } = await node.trade()
      if (dryRun) return { invoice: '', hash: '', msat, dryRun }
      const { invoice, hash } = await payments.issue(BigInt(msat), description, expirySeconds)
      return { invoice, hash: hash.toString('hex'), msat }
    }
  ),
  'wallet.pay': callWithDryRun(
    {
      summary: 'pays an invoice once, within the spending limits',
      params: { invoice: invoiceForm, maxMsat: maybe(msat('most to pay for it, with the fee to expect')) },
      result: {
        hash,
        msat: msat('amount'),
        feeMsat: msat('fee; in a dry run the fee to expect'),
        preimage: said('proof of the payment, hex; empty in a dry run'),
        payee: said('Lightning node of the payee, hex'),
        description: said('description of the invoice')
      },
      changes: true,
      needs: 'node'
    },
    async (node, { invoice, maxMsat, dryRun }) => {
      const { payments, wallet } = await node.trade()
      const options = maxMsat === undefined ? {} : { maxMsat: BigInt(maxMsat) }
      const { paymentHash, payee, description } = readInvoice(invoice, wallet.network)
      const what = { hash: paymentHash.toString('hex'), payee: payee.toString('hex'), description }
      if (dryRun) {
        const { msat, feeMsat } = await payments.foreseeInvoice(invoice, options)
        return { ...what, msat: msat.toString(), feeMsat: feeMsat.toString(), preimage: '', dryRun }
      }
      const paid = await payments.payInvoice(invoice, options)
      return {
        ...what,
        msat: paid.msat.toString(),
        feeMsat: paid.feeMsat.toString(),
        preimage: paid.preimage?.toString('hex') ?? ''
      }
    }
  )
}

function walletResult(
  choice: WalletChoice | null,
  balance: Balance & Partial<Liquidity> & { syncing?: string | null }
): Values<typeof BALANCE> {
  return {
    backend: backendOf(choice).id,
    network: balance.network,
    ...(choice?.node ? { nodeId: choice.node.id.toString('hex') } : {}),
    spendableMsat: balance.spendableMsat.toString(),
    receivableMsat: balance.receivableMsat.toString(),
    ...(balance.peers ? liquidityResult(balance as Liquidity) : {}),
    ...(balance.syncing ? { syncing: balance.syncing } : {})
  }
}

function liquidityResult({
  peers,
  largestMsat,
  newChannelMsat
}: Liquidity): Pick<Values<typeof BALANCE>, 'peers' | 'largestMsat' | 'newChannelMsat'> {
  return {
    largestMsat: largestMsat.toString(),
    newChannelMsat: newChannelMsat.toString(),
    peers: peers.map(({ peer, spendableMsat, receivableMsat, ...rest }) => ({
      ...rest,
      peer: peer.toString('hex'),
      spendableMsat: spendableMsat.toString(),
      receivableMsat: receivableMsat.toString()
    }))
  }
}

async function walletHistory(
  node: NodeContext,
  { limit = NEWEST }: { limit?: number }
): Promise<{ records: WalletEntry[] }> {
  const { wallet, ledger } = await node.trade()
  const newest = limit === 0 ? [] : (await wallet.history()).slice(-limit)
  const records = newest.map<WalletEntry>(record => {
    const known = ledger.byHash(record.paymentHash)
    return {
      direction: record.direction,
      at: record.at,
      msat: record.msat.toString(),
      feeMsat: record.feeMsat.toString(),
      status: record.status,
      hash: record.paymentHash.toString('hex'),
      description: record.description,
      kind: known?.kind ?? null,
      agreement: known && known.kind !== 'direct' ? formatKey(known.agreement) : null,
      installment: known && known.kind !== 'direct' ? known.installment : null
    }
  })
  return { records }
}

/** Real sats come over channels that must exist before the first buyer pays. */
export async function demandInbound(node: NodeContext, leastMsat: bigint): Promise<void> {
  const { wallet } = await node.trade()
  if (!wallet.real) return
  const { receivableMsat } = await wallet.balance()
  if (receivableMsat >= leastMsat) return
  throw new BushelError(
    'NO_INBOUND',
    'this Lightning node can receive nothing yet; no offer was made',
    'open a channel with inbound liquidity first'
  )
}
