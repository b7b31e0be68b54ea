import { required, optional, all, stateOf } from './fields.js'
import type { Struct } from './fields.js'

/** The records that a node stores on its own disk. */
export const disk: Struct[] = [
  {
    name: 'ledger-entry',
    fields: [
      stateOf('payment', 'type'),
      required('at', 'uint'),
      required('agreement', 'fixed32'),
      required('role', 'string'),
      required('installment', 'uint'),
      required('hash', 'fixed32'),
      required('msat', 'biguint64'),
      required('feeMsat', 'biguint64'),
      optional('preimage', 'fixed32'),
      optional('text', 'string'),
      optional('kind', 'string'),
      optional('issue', 'uint'),
      optional('peer', 'fixed32')
    ]
  },
  {
    name: 'wallet-entry',
    fields: [required('wallet', 'string'), required('entry', '@bushel/ledger-entry')]
  },
  {
    name: 'payment-record',
    fields: [required('entry', 'uint'), required('last', '@bushel/ledger-entry')]
  },
  {
    name: 'payment-account',
    fields: [
      required('paidMsat', 'biguint64'),
      required('feesMsat', 'biguint64'),
      required('receivedMsat', 'biguint64'),
      required('inFlightMsat', 'biguint64'),
      required('refundedMsat', 'biguint64'),
      required('refundOpenMsat', 'biguint64'),
      required('creditedMsat', 'biguint64'),
      required('payments', 'uint'),
      required('contiguous', 'uint'),
      required('twice', 'uint'),
      required('largestMsat', 'biguint64'),
      optional('role', 'string')
    ]
  },
  { name: 'msat-sum', fields: [required('msat', 'biguint64')] },
  {
    name: 'flight-sum',
    fields: [required('msat', 'biguint64'), required('payments', 'uint')]
  },
  {
    name: 'settled-sum',
    fields: [
      required('payments', 'uint'),
      required('msat', 'biguint64'),
      required('feesMsat', 'biguint64'),
      required('hashes', 'fixed32')
    ]
  },
  {
    name: 'debt-record',
    fields: [
      required('role', 'string'),
      required('peer', 'fixed32'),
      required('debt', '@bushel/signed-debt'),
      required('settledMsat', 'biguint64'),
      required('state', 'string'),
      optional('hash', 'fixed32'),
      optional('invoice', 'string')
    ]
  },
  { name: 'stored-reply', fields: [required('at', 'uint'), required('reply', 'buffer')] },
  {
    name: 'lease',
    fields: [
      required('role', 'string'),
      stateOf('lease'),
      required('created', 'uint'),
      required('committed', 'uint'),
      required('start', 'uint'),
      required('terms', '@bushel/terms'),
      required('signature', 'fixed64'),
      optional('countersign', '@bushel/countersign'),
      optional('seal', '@bushel/signed-seal'),
      optional('stored', '@bushel/signed-stored'),
      optional('counter', '@bushel/signed-counter'),
      optional('reason', 'string'),
      optional('link', 'string'),
      optional('audited', 'uint')
    ]
  },
  { name: 'proven', fields: [required('at', 'uint'), required('samples', 'uint')] },
  {
    name: 'token-range',
    fields: [required('set', 'uint'), required('from', 'uint'), required('to', 'uint')]
  },
  { name: 'token-set', fields: [required('lease', 'fixed32'), required('next', 'uint')] },
  {
    name: 'token-file',
    fields: [
      required('version', 'uint'),
      required('made', 'uint'),
      required('sets', 'uint'),
      required('days', 'uint'),
      required('samples', 'uint'),
      all('spans', 'uint')
    ]
  },
  {
    name: 'audit-record',
    fields: [
      required('unanswered', 'uint'),
      required('unreachable', 'uint'),
      required('gone', 'uint'),
      required('tried', 'uint'),
      required('tries', 'uint'),
      optional('challenge', '@bushel/audit'),
      optional('tokens', '@bushel/token-range'),
      optional('failing', 'string'),
      all('proven', '@bushel/proven')
    ]
  },
  {
    name: 'egress-record',
    fields: [required('readers', 'uint'), required('owner', 'uint')]
  },
  {
    name: 'outgoing-notice',
    fields: [required('buyer', 'fixed32'), required('signed', '@bushel/signed-notice')]
  },
  {
    name: 'own-order',
    fields: [
      required('market', 'fixed32'),
      required('record', 'buffer'),
      required('until', 'uint'),
      required('open', 'uint'),
      required('floor', 'biguint64'),
      required('offered', 'buffer')
    ]
  },
  {
    name: 'mirror-job',
    fields: [
      required('path', 'string'),
      required('fingerprint', 'fixed32'),
      required('market', 'fixed32'),
      required('store', 'string'),
      required('link', 'string'),
      required('files', 'uint'),
      required('bytes', 'uint'),
      all('cores', '@bushel/core-limit'),
      required('sha256', 'fixed32'),
      required('copies', 'uint'),
      required('time', 'uint'),
      required('offer', 'biguint64'),
      required('maxPrice', 'biguint64'),
      required('prepayMaxMsat', 'biguint64'),
      all('agreements', 'fixed32'),
      stateOf('mirror'),
      optional('bid', 'fixed32'),
      optional('packMs', 'uint'),
      optional('name', 'string'),
      optional('created', 'uint'),
      optional('renew', 'uint'),
      optional('renewMaxPrice', 'biguint64'),
      optional('ahead', 'uint')
    ]
  },
  {
    name: 'peer-record',
    fields: [
      required('identity', 'fixed32'),
      required('good', 'uint'),
      required('bad', 'uint'),
      required('until', 'uint'),
      required('note', 'string')
    ]
  },
  {
    name: 'exported-lease',
    fields: [
      required('lease', '@bushel/lease'),
      all('lists', '@bushel/countersign'),
      all('payments', '@bushel/ledger-entry'),
      optional('debt', '@bushel/signed-debt'),
      optional('audit', '@bushel/audit-record')
    ]
  },
  {
    name: 'mirror-export',
    fields: [
      required('identity', 'fixed32'),
      required('device', 'fixed32'),
      required('at', 'uint'),
      required('mirror', '@bushel/mirror-job'),
      all('leases', '@bushel/exported-lease'),
      all('takeovers', '@bushel/signed-takeover')
    ]
  },
  { name: 'attested-export', fields: [required('content', 'buffer'), required('proof', 'buffer')] }
]
