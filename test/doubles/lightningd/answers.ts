import type { HopRoute } from './hops.js'
import { route, routes } from './paths.js'
import type { Hint } from './invoices.js'
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

/** Versions: with xpay only, as after v27.03; with pay only, as before v24.11; or with both, as v26.06. */
export type Era = '' | 'xpay' | 'pay'

const GONE: Record<Era, ReadonlySet<string>> = {
  '': new Set(),
  xpay: new Set(['getroute']),
  pay: new Set(['xpay', 'getroutes'])
}

/** The result of a method; throws an RpcError with the code of a real node. */
export async function answers(
  node: LightningNode,
  { syncing, era }: { syncing: string; era: Era },
  method: string,
  raw: unknown
): Promise<object> {
  const params: Params = Array.isArray(raw)
    ? Object.fromEntries(
        raw.map((value, i) => [POSITIONS[method]?.[i] ?? `parameter ${i}`, value as unknown])
      )
    : (raw as Params)
  if (GONE[era].has(method) || (era === 'xpay' && method === 'pay' && params['invstring'] !== undefined))
    throw new RpcError(-32601, `Command "${method}" is deprecated`)
  if (method.startsWith('askrene-')) {
    if (era === 'pay') throw new RpcError(-32601, `Unknown command '${method}'`)
    return node.hops.askrene(method, params)
  }
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
      const maxFeeMsat = BigInt(String(params['maxfee'] ?? 1_000_000))
      const paid = await node.pay(
        String(params['bolt11']),
        Number(params['retry_for'] ?? 60) * 1000,
        maxFeeMsat
      )
      return {
        payment_preimage: paid.preimage,
        amount_msat: Number(paid.msat),
        amount_sent_msat: Number(paid.sentMsat ?? paid.msat),
        parts: 1,
        destination: paid.payee,
        payment_hash: paid.hash,
        status: 'complete',
        created_at: paid.createdAt
      }
    }
    case 'xpay': {
      const maxFeeMsat = BigInt(String(params['maxfee'] ?? 1_000_000))
      // It answers when the HTLC is decided, whatever retry_for says.
      const paid = await node.pay(String(params['invstring']), 600_000, maxFeeMsat)
      return {
        payment_preimage: paid.preimage,
        amount_msat: Number(paid.msat),
        amount_sent_msat: Number(paid.sentMsat ?? paid.msat),
        failed_parts: 0,
        successful_parts: 1
      }
    }
    case 'getroutes':
      return routes(node, params)
    case 'getlog':
      return { created_at: node.since.toFixed(9), bytes_used: 129_199, bytes_max: 16_777_216, log: [] }
    case 'listsendpays':
      return {
        payments: node.pays.filter(({ hash }) => hash === params['payment_hash']).map(listedPart)
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
    case 'dev-route':
      node.setRoute(params as unknown as HopRoute)
      return {}
    case 'dev-hint':
      node.setHint(params as unknown as Hint)
      return {}
    case 'dev-offline': {
      const peer = String(params['peer'])
      if (params['offline']) node.hops.offline.add(peer)
      else node.hops.offline.delete(peer)
      return {}
    }
    case 'dev-missed':
      return { missed: node.hops.missed }
    case 'dev-layers':
      return { layers: node.hops.layers }
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
    amount_sent_msat: Number(pay.sentMsat ?? pay.msat),
    created_index: pay.createdIndex,
    ...(pay.status === 'pending' ? {} : { updated_index: pay.createdIndex })
  }
}

function listedChannel(node: LightningNode, channel: Channel): object {
  const offline = node.hops.offline.has(channel.peer)
  return {
    peer_id: channel.peer,
    peer_connected: !offline,
    ...(offline ? {} : { reestablished: true }),
    state: 'CHANNELD_NORMAL',
    to_us_msat: Number(channel.ourMsat),
    total_msat: Number(channel.totalMsat),
    spendable_msat: Number(node.spendable(channel)),
    receivable_msat: Number(node.receivable(channel)),
    private: false,
    opener: 'local',
    short_channel_id: '103x1x0',
    direction: 0,
    updates: { local: updateOf(0), remote: updateOf(Number(channel.leastMsat ?? 0)) },
    htlcs: node.inFlight(channel.peer).map(pay => ({
      direction: 'out',
      id: pay.createdIndex,
      amount_msat: Number(pay.sentMsat ?? pay.msat),
      expiry: 608,
      payment_hash: pay.hash,
      state: 'SENT_ADD_ACK_REVOCATION'
    }))
  }
}

/** What one side of a channel has announced. */
function updateOf(leastMsat: number): object {
  return {
    htlc_minimum_msat: leastMsat,
    htlc_maximum_msat: 4_950_000_000,
    cltv_expiry_delta: 6,
    fee_base_msat: 1000,
    fee_proportional_millionths: 1000
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
    ...(invoice.hints.length > 0 ? { routes: [invoice.hints] } : {}),
    payment_hash: invoice.hash,
    signature: invoice.signature,
    valid: true
  }
}

/** A payment's part, as sendpay lists it: there is one. */
function listedPart(pay: Pay): object {
  return {
    created_index: pay.createdIndex,
    id: pay.createdIndex,
    payment_hash: pay.hash,
    groupid: 1,
    partid: 1,
    destination: pay.payee,
    amount_msat: Number(pay.msat),
    amount_sent_msat: Number(pay.sentMsat ?? pay.msat),
    created_at: pay.createdAt,
    status: pay.status,
    bolt11: pay.bolt11,
    ...(pay.status === 'pending' ? {} : { updated_index: pay.createdIndex }),
    ...(pay.status === 'complete' ? { payment_preimage: pay.preimage, completed_at: pay.completedAt } : {})
  }
}
