import { MAX_BATCH, MAX_HEADS, MAX_RECORDS } from './counts.js'
import { many, optional, required } from './fields.js'
import type { Struct } from './fields.js'

/** The order book: orders, market rules, and the messages of relays and readers. */
export const book: Struct[] = [
  {
    name: 'market-rules',
    fields: [
      required('name', 'string'),
      required('founder', 'fixed32'),
      required('maxRecordBytes', 'uint'),
      required('maxOrders', 'uint'),
      required('maxOrdersPerIdentity', 'uint'),
      required('maxLifetime', 'uint'),
      required('stampBits', 'uint'),
      required('tickInterval', 'uint'),
      required('tombstoneMargin', 'uint')
    ]
  },
  { name: 'tick', fields: [required('time', 'uint')] },
  {
    name: 'admission',
    fields: [required('device', 'fixed32'), required('writer', 'fixed32'), required('indexer', 'bool')]
  },
  { name: 'ban', fields: [required('key', 'fixed32')] },
  {
    name: 'storage-ask',
    fields: [
      required('space', 'uint'),
      required('minTime', 'uint'),
      required('maxTime', 'uint'),
      required('minChargeMsat', 'biguint64'),
      required('region', 'string')
    ]
  },
  {
    name: 'storage-bid',
    fields: [
      required('bytes', 'uint'),
      required('blocks', 'uint'),
      required('time', 'uint'),
      required('copies', 'uint')
    ]
  },
  {
    name: 'compute-ask',
    fields: [
      required('cores', 'uint'),
      required('memory', 'uint'),
      required('isolation', 'string'),
      required('fuel', 'string'),
      required('baseMsat', 'biguint64'),
      required('region', 'string')
    ]
  },
  {
    name: 'compute-bid',
    fields: [
      required('memory', 'uint'),
      required('fuel', 'string'),
      required('providers', 'uint'),
      required('maxMsat', 'biguint64')
    ]
  },
  {
    name: 'order',
    fields: [
      required('market', 'fixed32'),
      required('nonce', 'fixed32'),
      required('revision', 'uint'),
      required('side', 'uint'),
      required('resource', 'string'),
      required('network', 'string'),
      required('price', 'biguint64'),
      required('created', 'uint'),
      required('expires', 'uint'),
      required('withdrawn', 'bool'),
      required('identity', 'fixed32'),
      required('device', 'fixed32'),
      required('body', 'buffer')
    ]
  },
  {
    name: 'signed-order',
    fields: [
      required('order', 'buffer'),
      required('proof', 'buffer'),
      required('stampTick', 'uint'),
      required('stampNonce', 'uint')
    ]
  },
  { name: 'order-batch', fields: [many('orders', 'buffer', MAX_BATCH)] },
  { name: 'market-operation', fields: [required('type', 'uint'), required('body', 'buffer')] },
  { name: 'order-submission', fields: [many('orders', 'buffer', MAX_RECORDS)] },
  { name: 'order-verdict', fields: [required('code', 'string'), required('reason', 'string')] },
  { name: 'order-verdicts', fields: [many('verdicts', '@bushel/order-verdict', MAX_RECORDS)] },
  {
    name: 'signed-head',
    fields: [
      required('length', 'uint'),
      required('fork', 'uint'),
      required('hash', 'fixed32'),
      required('signature', 'fixed64')
    ]
  },
  {
    name: 'book-hello',
    fields: [
      required('version', 'uint'),
      required('writer', 'fixed32'),
      optional('head', '@bushel/signed-head')
    ]
  },
  {
    name: 'market-fork',
    fields: [
      required('market', 'fixed32'),
      required('view', 'fixed32'),
      required('founder', 'fixed32'),
      required('found', 'uint'),
      required('first', '@bushel/signed-head'),
      required('second', '@bushel/signed-head'),
      required('hash', 'fixed32')
    ]
  },
  { name: 'book-head', fields: [required('key', 'fixed32'), required('length', 'uint')] },
  { name: 'book-heads', fields: [many('heads', '@bushel/book-head', MAX_HEADS)] },
  {
    name: 'book-slot',
    fields: [required('until', 'uint'), required('withdrawn', 'bool'), required('listed', 'bool')]
  },
  { name: 'book-count', fields: [required('slots', 'uint'), required('live', 'uint')] },
  {
    name: 'view-head',
    fields: [
      required('market', 'fixed32'),
      required('view', 'fixed32'),
      required('length', 'uint'),
      required('tick', 'uint'),
      required('signer', 'fixed32'),
      required('signature', 'fixed64')
    ]
  }
]
