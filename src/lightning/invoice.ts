import { createRequire } from 'node:module'
import type bolt11 from 'bolt11'
import type { PaymentRequestObject, RoutingInfo, TagsObject } from 'bolt11'
import { BushelError } from '../../contracts/errors/error.js'
import { isNodeId } from '../../contracts/keys/node-id.js'
import { networkWith, prefixOf } from './networks.js'

const MAX_LENGTH = 4096
/** BOLT 11: expiry of an invoice without an expiry field. */
const DEFAULT_EXPIRY_S = 3600

/** Features that an invoice may require of the payer; all current Lightning nodes have them. */
const UNDERSTOOD = new Set(['var_onion_optin', 'payment_secret', 'basic_mpp'])

export interface ExpectedInvoice {
  /** Network id, such as `play-1`. */
  network: string
  paymentHash: Buffer
  msat: bigint
  /** Public key of the payee's Lightning node, 33 bytes. */
  payee: Buffer
  description: string
  /** ms since 1970. */
  now: number
  /** Shortest remaining time before expiry, ms; 0 by default. */
  minRemainingMs?: number
}

export interface CheckedInvoice {
  paymentHash: Buffer
  msat: bigint
  payee: Buffer
  description: string
  /** ms since 1970. */
  expiresAt: number
}

/** Checks a BOLT 11 invoice against the agreed values. Throws BushelError INVOICE_REFUSED or INVOICE_EXPIRED. */
export function checkInvoice(invoice: string, expected: ExpectedInvoice): CheckedInvoice {
  const prefix = prefixOf(expected.network)
  if (!prefix) throw refused(`the network ${expected.network} is unknown`)
  const decoded = decode(invoice, prefix)
  refuseDuplicates(decoded)
  const tags = decoded.tagsObject

  if (decoded.millisatoshis == null) throw refused('it has no amount')
  const msat = BigInt(decoded.millisatoshis)
  if (msat !== expected.msat) throw refused(`it asks for ${msat} msat, agreed were ${expected.msat} msat`)
  if (tags.payment_hash !== expected.paymentHash.toString('hex'))
    throw refused('its payment hash is not the agreed one')
  if (decoded.payeeNodeKey !== expected.payee.toString('hex'))
    throw refused('it pays another node than the agreed one')
  if (tags.payment_secret?.length !== 64) throw refused('it has no payment secret')
  if (tags.purpose_commit_hash !== undefined) throw refused('it has only the hash of a description')
  if (tags.description === undefined) throw refused('it has no description')
  if (tags.description !== expected.description) throw refused('its description is not the agreed one')
  if (tags.fallback_address !== undefined) throw refused('it has a fallback address')
  refuseFeatures(tags)

  const expiresAt = expiryOf(decoded)
  if (expiresAt <= expected.now) throw expired()
  if (expiresAt - expected.now < (expected.minRemainingMs ?? 0)) throw refused('it expires too soon')
  return {
    paymentHash: expected.paymentHash,
    msat,
    payee: expected.payee,
    description: tags.description,
    expiresAt
  }
}

/** The fields of a decoded invoice. */
export interface InvoiceReading {
  paymentHash: Buffer
  /** Null when the payer chooses the amount. */
  msat: bigint | null
  payee: Buffer
  description: string
  /** ms since 1970. */
  expiresAt: number
}

/**
 * Decodes any invoice that this node could pay. Throws BushelError INVOICE_NETWORK, or INVOICE_REFUSED with the reason.
 * Does not check expiry or amount; the caller does.
 */
export function readInvoice(invoice: string, network: string): InvoiceReading {
  const prefix = prefixOf(network)
  if (!prefix) throw refused(`the network ${network} is unknown`)
  const text = invoice.trim().replace(/^lightning:/i, '')
  const decoded = decode(text)
  if (decoded.network?.bech32 !== prefix) throw wrongNetwork(decoded.network?.bech32 ?? '', network)
  refuseDuplicates(decoded)
  const tags = decoded.tagsObject
  if (tags.payment_secret?.length !== 64) throw refused('it has no payment secret')
  refuseFeatures(tags)
  return {
    paymentHash: hashOf(tags),
    msat: decoded.millisatoshis == null ? null : BigInt(decoded.millisatoshis),
    payee: Buffer.from(decoded.payeeNodeKey!, 'hex'),
    description: tags.description ?? '',
    expiresAt: expiryOf(decoded)
  }
}

/** Types of `checkInvoice` and `readInvoice`, for options that take them. */
export type InvoiceCheck = typeof checkInvoice
export type InvoiceReader = typeof readInvoice

/** Payment hash of an invoice. Throws BushelError INVOICE_REFUSED when the text is not an invoice. */
export function paymentHashOf(invoice: string): Buffer {
  return hashOf(decode(invoice).tagsObject)
}

function hashOf({ payment_hash: hash }: TagsObject): Buffer {
  if (hash?.length !== 64) throw refused('it has no payment hash')
  return Buffer.from(hash, 'hex')
}

/** ms since 1970. */
function expiryOf({ timestamp, tagsObject }: Decoded): number {
  return ((timestamp ?? 0) + (tagsObject.expire_time ?? DEFAULT_EXPIRY_S)) * 1000
}

type Decoded = PaymentRequestObject & { tagsObject: TagsObject }

let loaded: typeof bolt11 | null = null

/** Loads the decoder with the first invoice: loading takes 0.1 s, and most processes see no invoice. */
function decoder(): typeof bolt11 {
  return (loaded ??= createRequire(import.meta.url)('bolt11') as typeof bolt11)
}

/** Invoices are read when they are bound and again when they are paid; what the last ones say is kept. */
const MAX_DECODED = 256
const decodedBefore = new Map<string, Decoded>()

/** The most blocks that an invoice may keep a payment waiting: what Lightning nodes accept as a whole route. */
const MOST_BLOCKS = 2016
/** The longest expiry of an invoice, s: a hundred years. */
const LONGEST_EXPIRY_S = 100 * 366 * 24 * 3600

/** Values that no wallet can use: one would refuse such an invoice, or hold the payment, after it was recorded as sent. */
function refuseExtremes({ tags, tagsObject }: Decoded): void {
  const { expire_time: expiry = 0, min_final_cltv_expiry: blocks = 0 } = tagsObject
  if (expiry > LONGEST_EXPIRY_S) throw refused('it expires in more than a hundred years')
  if (blocks > MOST_BLOCKS) throw refused(`it may keep a payment waiting for ${blocks} blocks`)
  for (const { tagName, data } of tags) {
    if (tagName !== 'routing_info') continue
    for (const { pubkey, cltv_expiry_delta: delta } of data as RoutingInfo)
      if (!isNodeId(Buffer.from(pubkey, 'hex')) || !(delta <= MOST_BLOCKS))
        throw refused('one of its routing hints is invalid')
  }
}

/** Decodes and verifies checksum and signature; `payeeNodeKey` is the key that signed. */
function decode(invoice: string, prefix?: string): Decoded {
  const known = decodedBefore.get(invoice)
  if (known && (!prefix || known.network?.bech32 === prefix)) return known
  const decoded = decodeAnew(invoice, prefix)
  refuseExtremes(decoded)
  decodedBefore.set(invoice, decoded)
  if (decodedBefore.size > MAX_DECODED) decodedBefore.delete(decodedBefore.keys().next().value!)
  return decoded
}

function decodeAnew(invoice: string, prefix?: string): Decoded {
  if (typeof invoice !== 'string') throw refused('it is not text')
  if (invoice.length > MAX_LENGTH) throw refused(`it is longer than ${MAX_LENGTH} characters`)
  const found = /^ln(bcrt|bc|tbs|tb)((?:[1-9]\d*[munp]?)?)1[02-9ac-hj-np-z]+$/.exec(
    invoice.toLowerCase()
  )?.[1]
  if (!found) throw refused('it is malformed')
  if (prefix && found !== prefix) throw refused(`it is for another network (ln${found})`)
  try {
    // The decoder does not know signet and throws unless the network is given.
    const network = { bech32: found, pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] }
    return decoder().decode(invoice, network)
  } catch (error) {
    throw refused(`it is malformed (${error instanceof Error ? error.message : String(error)})`)
  }
}

/** A second tag with the same name would hide the first; only routing hints may repeat. */
function refuseDuplicates({ tags }: Decoded): void {
  const seen = new Set<string>()
  for (const { tagName, data } of tags) {
    if (tagName === 'routing_info') continue
    const unknown = typeof data === 'object' && 'tagCode' in data
    const name = unknown ? `${tagName} ${data.tagCode}` : tagName
    if (seen.has(name)) throw refused(`it has two tags named ${name}`)
    seen.add(name)
  }
}

function refuseFeatures({ feature_bits: features }: TagsObject): void {
  if (!features) return
  if (features.extra_bits?.has_required) throw refused('it requires an unknown feature')
  for (const [name, feature] of Object.entries(features)) {
    const required = typeof feature === 'object' && 'required' in feature && feature.required
    if (required && !UNDERSTOOD.has(name)) throw refused(`it requires the unsupported feature ${name}`)
  }
}

function expired(): BushelError {
  return new BushelError(
    'INVOICE_EXPIRED',
    'the invoice has expired; nothing was paid',
    'ask the payee for a new invoice'
  )
}

function wrongNetwork(prefix: string, network: string): BushelError {
  const named = networkWith(prefix) ?? 'another network'
  return new BushelError(
    'INVOICE_NETWORK',
    `the invoice is for ${named} (ln${prefix}), this wallet is on ${network}; nothing was paid`,
    `ask the payee for an invoice on ${network}`
  )
}

function refused(reason: string): BushelError {
  return new BushelError(
    'INVOICE_REFUSED',
    `the invoice was refused: ${reason}; nothing was paid`,
    'ask the payee for another invoice'
  )
}
