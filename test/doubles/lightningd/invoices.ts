import { createHash, randomBytes } from 'node:crypto'
import bolt11 from 'bolt11'
import { RpcError } from './rpc-error.js'

const PREFIX: Record<string, string> = { regtest: 'bcrt', signet: 'tbs', testnet: 'tb', bitcoin: 'bc' }
const FEATURES = {
  word_length: 4,
  var_onion_optin: { required: true, supported: true },
  payment_secret: { required: true, supported: true },
  basic_mpp: { required: false, supported: true }
}
const CURVE_N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** A hop of a route hint. */
export interface Hint {
  pubkey: string
  short_channel_id: string
  fee_base_msat: number
  fee_proportional_millionths: number
  cltv_expiry_delta: number
}

/** An invoice as a node decodes it; times in s since 1970. */
export interface DecodedInvoice {
  hash: string
  payee: string
  msat: string | null
  description: string
  timestamp: number
  expiry: number
  expiresAt: number
  secret: string
  signature: string
  hints: Hint[]
}

export function signInvoice(
  invoice: {
    msat: string
    timestamp: number
    hash: string
    description: string
    expiry: number
    secret: string
    hints: readonly Hint[]
  },
  key: string,
  network: string
): string {
  const unsigned = bolt11.encode(
    {
      network: networkOf(network),
      millisatoshis: invoice.msat,
      timestamp: invoice.timestamp,
      tags: [
        { tagName: 'payment_hash', data: invoice.hash },
        { tagName: 'description', data: invoice.description },
        { tagName: 'expire_time', data: invoice.expiry },
        { tagName: 'min_final_cltv_expiry', data: 10 },
        { tagName: 'payment_secret', data: invoice.secret },
        { tagName: 'feature_bits', data: FEATURES },
        ...(invoice.hints.length > 0 ? [{ tagName: 'routing_info', data: invoice.hints.map(hopOf) }] : [])
      ]
    },
    false
  )
  return bolt11.sign(unsigned, key).paymentRequest!
}

/** Throws the error of lightningd for a text that is no invoice of the network. */
export function decodeInvoice(text: string, network: string): DecodedInvoice {
  let decoded
  try {
    decoded = bolt11.decode(text, networkOf(network))
  } catch {
    throw new RpcError(-32602, 'Invalid bolt11 invoice: Bad bech32 string')
  }
  const tags = decoded.tagsObject
  const timestamp = decoded.timestamp!
  const expiry = tags.expire_time ?? 3600
  return {
    hash: tags.payment_hash!,
    payee: decoded.payeeNodeKey!,
    msat: decoded.millisatoshis ?? null,
    description: tags.description ?? '',
    timestamp,
    expiry,
    expiresAt: timestamp + expiry,
    secret: tags.payment_secret!,
    signature: decoded.signature!,
    hints: (tags.routing_info ?? []).map(hintOf)
  }
}

function networkOf(network: string): {
  bech32: string
  pubKeyHash: number
  scriptHash: number
  validWitnessVersions: number[]
} {
  return { bech32: PREFIX[network]!, pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] }
}

export function sha256(hex: string): string {
  return createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex')
}

export function freshKey(): string {
  for (;;) {
    const key = randomBytes(32).toString('hex')
    const n = BigInt(`0x${key}`)
    if (n > 0n && n < CURVE_N) return key
  }
}

/** The public key of a key, as an invoice signed with it shows it. */
export function publicKeyOf(key: string, network: string): string {
  const unsigned = bolt11.encode(
    {
      network: networkOf(network),
      millisatoshis: '1000',
      timestamp: 1,
      tags: [
        { tagName: 'payment_hash', data: '00'.repeat(32) },
        { tagName: 'description', data: '' },
        { tagName: 'payment_secret', data: '00'.repeat(32) },
        { tagName: 'feature_bits', data: FEATURES }
      ]
    },
    false
  )
  return bolt11.sign(unsigned, key).payeeNodeKey!
}

interface InvoiceHop {
  pubkey: string
  short_channel_id: string
  fee_base_msat: number
  fee_proportional_millionths: number
  cltv_expiry_delta: number
}

/** As an invoice has it: the id of a channel is 8 bytes there. */
function hopOf(hint: Hint): InvoiceHop {
  const [block, index, output] = hint.short_channel_id.split('x').map(BigInt) as [bigint, bigint, bigint]
  const id = (block << 40n) | (index << 16n) | output
  return { ...hint, short_channel_id: id.toString(16).padStart(16, '0') }
}

function hintOf(hop: InvoiceHop): Hint {
  const id = BigInt(`0x${hop.short_channel_id}`)
  return { ...hop, short_channel_id: `${id >> 40n}x${(id >> 16n) & 0xffffffn}x${id & 0xffffn}` }
}
