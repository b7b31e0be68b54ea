import type { Channel, Invoice, Pay } from './node-store.js'
import { RpcError } from './rpc-error.js'
import type { LightningNode } from './node.js'

const VERSION = 'v26.06.6'

type Params = Record<string, unknown>

/** Names of positional parameters, in their order. */
const POSITIONS: Record<string, string[]> = {
  invoice: ['amount_msat', 'label', 'description', 'expiry', 'fallbacks', 'preimage'],
  delinvoice: ['label', 'status'],
  waitanyinvoice: ['lastpay_index', 'timeout'],
  pay: ['bolt11'],
  listpays: ['bolt11', 'payment_hash', 'status'],
  listinvoices: ['label', 'invstring', 'payment_hash'],
  decode: ['string'],
  getroute: ['id', 'amount_msat', 'riskfactor']
}

/** The result of a method; throws an RpcError with the code of a real node. */
export async function answers(
  node: LightningNode,
  { syncing }: { syncing: string },
  method: string,
  raw: unknown
): Promise<object> {
  const params: Params = Array.isArray(raw)
    ? Object.fromEntries(
        raw.map((value, i) => [POSITIONS[method]?.[i] ?? `parameter ${i}`, value as unknown])
      )
    : (raw as Params)
  switch (method) {
    case 'getinfo':
      return info(node, syncing)
    case 'invoice':
      return issue(node, params)
    case 'listinvoices':
      return {
        invoices: page(
          node.invoices.filter(one => fits(one, params)),
          params
        ).map(listed)
      }
    case 'delinvoice':
      return remove(node, params)
    case 'waitanyinvoice': {
      const paid = await node.paidAfter(
        Number(params['lastpay_index'] ?? 0),
        Number(params['timeout'] ?? 0) * 1000
      )
      if (!paid) throw new RpcError(904, 'Timed out while waiting for invoice to be paid')
      return listed(paid)
    }
    case 'pay': {
      const paid = await node.pay(String(params['bolt11']), Number(params['retry_for'] ?? 60) * 1000)
      return {
        payment_preimage: paid.preimage,
        amount_msat: Number(paid.msat),
        amount_sent_msat: Number(paid.msat),
        parts: 1,
        destination: paid.payee,
        payment_hash: paid.hash,
        status: 'complete',
        created_at: paid.createdAt
      }
    }
    case 'listpays':
      return {
        pays: page(
          node.pays.filter(one => !params['payment_hash'] || one.hash === params['payment_hash']),
          params
        ).map(listedPay)
      }
    case 'listpeerchannels':
      return { channels: node.channels.map(channel => listedChannel(node, channel)) }
    case 'decode':
      return decoded(node, String(params['string']))
    case 'getroute':
      return route(node, params)
    case 'dev-channel':
      node.setChannel(params as unknown as Channel)
      return {}
    case 'dev-forget': {
      const invoice = node.invoices.find(one => one.hash === params['hash'])
      if (invoice) node.deleteInvoice(invoice)
      return {}
    }
    default:
      throw new RpcError(-32601, `Unknown command '${method}'`)
  }
}

function info(node: LightningNode, syncing: string): object {
  return {
    id: node.id,
    alias: `fake-${node.id.slice(0, 6)}`,
    color: node.id.slice(0, 6),
    num_peers: node.channels.length,
    num_pending_channels: 0,
    num_active_channels: node.channels.length,
    num_inactive_channels: 0,
    address: [],
    binding: [],
    version: VERSION,
    blockheight: 108,
    network: node.network,
    fees_collected_msat: 0,
    'lightning-dir': 'run/regtest',
    our_features: {
      init: '800898880a8a59a1',
      node: '808898880a8a59a1',
      channel: '',
      invoice: '02000002024100'
    },
    ...(syncing ? { warning_lightningd_sync: syncing } : {})
  }
}

function issue(node: LightningNode, params: Params): object {
  for (const name of ['amount_msat', 'label', 'description'])
    if (params[name] === undefined) throw new RpcError(-32602, `missing required parameter: ${name}`)
  const msat = String(params['amount_msat']).replace(/msat$/, '')
  if (!/^[1-9]\d*$/.test(msat)) {
    throw new RpcError(
      -32602,
      `amount_msat: should be positive msat or 'any': invalid token '"${String(params['amount_msat'])}"'`
    )
  }
  const preimage = String(params['preimage'] ?? '')
  if (preimage && !/^[0-9a-f]{64}$/.test(preimage))
    throw new RpcError(-32602, `preimage: should be 64 hex digits: invalid token '"${preimage}"'`)
  const invoice = node.invoice({
    msat,
    label: String(params['label']),
    description: String(params['description']),
    expiry: Number(params['expiry'] ?? 604_800),
    preimage
  })
  return {
    payment_hash: invoice.hash,
    expires_at: invoice.expiresAt,
    bolt11: invoice.bolt11,
    payment_secret: invoice.secret,
    created_index: invoice.createdIndex
  }
}

function fits({ label, hash }: Invoice, params: Params): boolean {
  if (params['label'] !== undefined) return label === params['label']
  return params['payment_hash'] === undefined || hash === params['payment_hash']
}

function page<T extends { createdIndex: number }>(all: T[], { start, limit }: Params): T[] {
  const sorted = [...all].sort((a, b) => a.createdIndex - b.createdIndex)
  const from = sorted.filter(one => one.createdIndex >= Number(start ?? 0))
  return limit === undefined ? from : from.slice(0, Number(limit))
}

function statusOf(invoice: Invoice): 'paid' | 'expired' | 'unpaid' {
  if (invoice.paidBy !== null) return 'paid'
  return Date.now() / 1000 >= invoice.expiresAt ? 'expired' : 'unpaid'
}

function listed(invoice: Invoice): object {
  const status = statusOf(invoice)
  return {
    label: invoice.label,
    bolt11: invoice.bolt11,
    payment_hash: invoice.hash,
    amount_msat: Number(invoice.msat),
    status,
    ...(status === 'paid'
      ? {
          pay_index: invoice.payIndex,
          amount_received_msat: Number(invoice.msat),
          paid_at: invoice.paidAt,
          payment_preimage: invoice.preimage
        }
      : {}),
    description: invoice.description,
    expires_at: invoice.expiresAt,
    created_index: invoice.createdIndex,
    ...(status === 'unpaid' ? {} : { updated_index: invoice.updatedIndex })
  }
}

function remove(node: LightningNode, params: Params): object {
  const invoice = node.invoices.find(one => one.label === params['label'])
  if (!invoice) throw new RpcError(905, 'Unknown invoice')
  const status = statusOf(invoice)
  if (status !== params['status']) {
    throw new RpcError(906, `Invoice status is ${status} not ${String(params['status'])}`, {
      current_status: status,
      expected_status: params['status']
    })
  }
  node.deleteInvoice(invoice)
  return listed(invoice)
}

function listedPay(pay: Pay): object {
  return {
    bolt11: pay.bolt11,
    destination: pay.payee,
    payment_hash: pay.hash,
    status: pay.status,
    created_at: pay.createdAt,
    ...(pay.status === 'complete' ? { completed_at: pay.completedAt, preimage: pay.preimage } : {}),
    ...(pay.status === 'failed' ? {} : { amount_msat: Number(pay.msat) }),
    amount_sent_msat: Number(pay.msat),
    created_index: pay.createdIndex,
    ...(pay.status === 'pending' ? {} : { updated_index: pay.createdIndex })
  }
}

function listedChannel(node: LightningNode, channel: Channel): object {
  return {
    peer_id: channel.peer,
    peer_connected: true,
    reestablished: true,
    state: 'CHANNELD_NORMAL',
    to_us_msat: Number(channel.ourMsat),
    total_msat: Number(channel.totalMsat),
    spendable_msat: Number(node.spendable(channel)),
    receivable_msat: Number(node.receivable(channel)),
    private: false,
    opener: 'local',
    short_channel_id: '103x1x0',
    direction: 0
  }
}

function decoded(node: LightningNode, text: string): object {
  const invoice = node.decode(text)
  return {
    type: 'bolt11 invoice',
    currency: text.slice(2).match(/^(bcrt|bc|tbs|tb)/)![0],
    created_at: invoice.timestamp,
    expiry: invoice.expiry,
    payee: invoice.payee,
    ...(invoice.msat === null ? {} : { amount_msat: Number(invoice.msat) }),
    description: invoice.description,
    min_final_cltv_expiry: 10,
    payment_secret: invoice.secret,
    features: '024100',
    payment_hash: invoice.hash,
    signature: invoice.signature,
    valid: true
  }
}

function route(node: LightningNode, params: Params): object {
  const channel = node.channels.find(one => one.peer === params['id'])
  if (!channel || node.spendable(channel) < BigInt(String(params['amount_msat'])))
    throw new RpcError(205, 'Could not find a route')
  return {
    route: [
      {
        id: channel.peer,
        channel: '103x1x0',
        direction: 0,
        amount_msat: Number(params['amount_msat']),
        delay: 9,
        style: 'tlv'
      }
    ]
  }
}
