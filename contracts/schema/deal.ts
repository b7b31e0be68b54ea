import {
  MAX_AUDIT_BLOCKS,
  MAX_CORES,
  MAX_COUNTERS,
  MAX_PROOF_NODES,
  MAX_TAKEN,
  MAX_TICKETS,
  STRIP_LENGTH
} from './counts.js'
import { required, optional, many, signed, parties } from './fields.js'
import type { Struct } from './fields.js'

/** The messages between buyer and provider, and what they sign. */
export const deal: Struct[] = [
  {
    name: 'counter',
    fields: [
      required('agreement', 'fixed32'),
      required('n', 'uint'),
      required('paidMsat', 'biguint64'),
      required('servedUntil', 'uint'),
      required('egressBytes', 'uint')
    ]
  },
  {
    name: 'signed-counter',
    fields: [
      required('counter', '@bushel/counter'),
      optional('buyer', 'fixed64'),
      optional('provider', 'fixed64')
    ]
  },
  {
    name: 'hello',
    fields: [
      required('version', 'uint'),
      required('network', 'string'),
      required('proof', 'buffer'),
      required('lightning', 'buffer'),
      required('clock', 'uint'),
      many('counters', '@bushel/signed-counter', MAX_COUNTERS)
    ]
  },
  { name: 'request', fields: [required('id', 'fixed32'), required('body', 'buffer')] },
  { name: 'reply', fields: [optional('body', 'buffer'), optional('decline', '@bushel/decline')] },
  { name: 'decline', fields: [required('code', 'string'), required('reason', 'string')] },
  {
    name: 'quote-request',
    fields: [
      required('market', 'fixed32'),
      required('ask', 'fixed32'),
      required('revision', 'uint'),
      required('resource', 'string'),
      required('body', 'buffer'),
      required('offer', 'biguint64'),
      optional('last', '@bushel/signed-quote')
    ]
  },
  {
    name: 'quote',
    fields: [
      required('request', 'fixed32'),
      required('market', 'fixed32'),
      required('ask', 'fixed32'),
      required('resource', 'string'),
      required('buyer', 'fixed32'),
      required('round', 'uint'),
      required('price', 'biguint64'),
      required('validUntil', 'uint'),
      required('wanted', 'buffer'),
      required('body', 'buffer')
    ]
  },
  signed('quote', 'quote'),
  {
    name: 'storage-request',
    fields: [
      required('bytes', 'uint'),
      required('blocks', 'uint'),
      required('time', 'uint'),
      required('firstInstallmentMsat', 'biguint64'),
      optional('follows', 'fixed32')
    ]
  },
  {
    name: 'storage-quote',
    fields: [
      required('firstInstallmentMsat', 'biguint64'),
      required('maxInstallmentMsat', 'biguint64'),
      required('minChargeMsat', 'biguint64'),
      required('egressBytes', 'uint'),
      required('grace', 'uint'),
      optional('leastMsat', 'biguint64')
    ]
  },
  {
    name: 'agreement-request',
    fields: [
      required('resource', 'string'),
      required('terms', 'buffer'),
      required('signature', 'fixed64'),
      required('quote', '@bushel/signed-quote')
    ]
  },
  { name: 'agreement-answer', fields: [required('agreement', 'fixed32'), required('body', 'buffer')] },
  {
    name: 'party',
    fields: [required('identity', 'fixed32'), required('device', 'fixed32'), required('lightning', 'buffer')]
  },
  {
    name: 'core-limit',
    fields: [required('key', 'fixed32'), required('length', 'uint'), required('byteLength', 'uint')]
  },
  {
    name: 'terms',
    fields: [
      ...parties,
      many('cores', '@bushel/core-limit', MAX_CORES),
      required('readKey', 'fixed32'),
      required('price', 'biguint64'),
      required('time', 'uint'),
      required('firstInstallmentMsat', 'biguint64'),
      required('maxInstallmentMsat', 'biguint64'),
      required('minChargeMsat', 'biguint64'),
      required('countersignBy', 'uint'),
      required('startBy', 'uint'),
      required('grace', 'uint'),
      required('egressBytes', 'uint'),
      optional('leastMsat', 'biguint64'),
      optional('follows', 'fixed32')
    ]
  },
  signed('terms', 'terms', 'agree'),
  {
    name: 'listed-installment',
    fields: [
      required('installment', 'uint'),
      required('issue', 'uint'),
      required('hash', 'fixed32'),
      required('msat', 'biguint64')
    ]
  },
  {
    name: 'installment-list',
    fields: [
      required('agreement', 'fixed32'),
      many('installments', '@bushel/listed-installment', STRIP_LENGTH)
    ]
  },
  signed('list', 'installment-list', 'countersign'),
  { name: 'agreement-reference', fields: [required('agreement', 'fixed32')] },
  { name: 'bid-answer', fields: [required('bid', 'fixed32'), required('ask', 'fixed32')] },
  { name: 'acknowledgement', fields: [required('ok', 'uint')] },
  { name: 'strip-request', fields: [required('agreement', 'fixed32'), required('from', 'uint')] },
  { name: 'strip', fields: [required('agreement', 'fixed32'), many('invoices', 'string', STRIP_LENGTH)] },
  {
    name: 'paid',
    fields: [
      required('agreement', 'fixed32'),
      required('installment', 'uint'),
      required('preimage', 'fixed32')
    ]
  },
  {
    name: 'paid-until',
    fields: [
      required('agreement', 'fixed32'),
      required('until', 'uint'),
      optional('egressBytes', 'uint'),
      optional('ownerBytes', 'uint')
    ]
  },
  {
    name: 'sealed-core',
    fields: [
      required('key', 'fixed32'),
      required('fork', 'uint'),
      required('length', 'uint'),
      required('byteLength', 'uint'),
      required('treeHash', 'fixed32')
    ]
  },
  {
    name: 'seal',
    fields: [required('agreement', 'fixed32'), many('cores', '@bushel/sealed-core', MAX_CORES)]
  },
  signed('seal', 'seal'),
  {
    name: 'stored',
    fields: [required('seal', 'fixed32'), required('start', 'uint'), required('paidUntil', 'uint')]
  },
  signed('stored', 'stored'),
  { name: 'block-reference', fields: [required('core', 'uint'), required('index', 'uint')] },
  {
    name: 'audit',
    fields: [
      required('seal', 'fixed32'),
      required('nonce', 'fixed32'),
      many('blocks', '@bushel/block-reference', MAX_AUDIT_BLOCKS)
    ]
  },
  {
    name: 'tree-node',
    fields: [required('index', 'uint'), required('size', 'uint'), required('hash', 'fixed32')]
  },
  {
    name: 'block-proof',
    fields: [
      required('core', 'uint'),
      required('index', 'uint'),
      required('value', 'buffer'),
      many('nodes', '@bushel/tree-node', MAX_PROOF_NODES),
      many('roots', '@bushel/tree-node', MAX_PROOF_NODES)
    ]
  },
  {
    name: 'audit-proof',
    fields: [required('nonce', 'fixed32'), many('proofs', '@bushel/block-proof', MAX_AUDIT_BLOCKS)]
  },
  {
    name: 'token-audit',
    fields: [
      required('seal', 'fixed32'),
      required('key', 'fixed32'),
      required('samples', 'uint'),
      many('spans', 'uint', MAX_CORES)
    ]
  },
  { name: 'token-tags', fields: [required('tags', 'buffer')] },
  {
    name: 'spot',
    fields: [required('seal', 'fixed32'), required('core', 'uint'), required('offset', 'uint')]
  },
  {
    name: 'void',
    fields: [required('agreement', 'fixed32'), required('installment', 'uint'), required('hash', 'fixed32')]
  },
  signed('void', 'void'),
  {
    name: 'reissue',
    fields: [
      optional('preimage', 'fixed32'),
      optional('void', '@bushel/signed-void'),
      optional('countersign', '@bushel/countersign'),
      optional('invoice', 'string')
    ]
  },
  {
    name: 'debt',
    fields: [required('agreement', 'fixed32'), required('msat', 'biguint64'), required('at', 'uint')]
  },
  signed('debt', 'debt'),
  { name: 'refund', fields: [required('agreement', 'fixed32'), required('invoice', 'string')] },
  {
    name: 'credit',
    fields: [required('agreement', 'fixed32'), required('installment', 'uint'), required('debt', 'fixed32')]
  },
  {
    name: 'end',
    fields: [
      required('agreement', 'fixed32'),
      required('reason', 'string'),
      optional('counter', '@bushel/signed-counter')
    ]
  },
  {
    name: 'ended',
    fields: [
      required('agreement', 'fixed32'),
      optional('counter', '@bushel/signed-counter'),
      required('creditMsat', 'biguint64'),
      optional('debt', '@bushel/signed-debt')
    ]
  },
  {
    name: 'upload-progress',
    fields: [
      required('agreement', 'fixed32'),
      required('blocks', 'uint'),
      required('bytes', 'uint'),
      optional('waits', 'uint'),
      optional('egressBytes', 'uint'),
      optional('ownerBytes', 'uint')
    ]
  },
  {
    name: 'ticket',
    fields: [
      required('agreement', 'fixed32'),
      required('source', 'fixed32'),
      required('to', 'fixed32'),
      required('until', 'uint')
    ]
  },
  signed('ticket', 'ticket'),
  {
    name: 'notice',
    fields: [
      required('agreement', 'fixed32'),
      required('n', 'uint'),
      required('kind', 'uint'),
      required('at', 'uint'),
      required('text', 'string'),
      optional('debt', '@bushel/signed-debt')
    ]
  },
  signed('notice', 'notice'),
  {
    name: 'repair',
    fields: [required('agreement', 'fixed32'), many('tickets', '@bushel/signed-ticket', MAX_TICKETS)]
  },
  {
    name: 'takeover',
    fields: [
      required('identity', 'fixed32'),
      required('from', 'fixed32'),
      required('to', 'fixed32'),
      required('lightning', 'buffer'),
      required('n', 'uint')
    ]
  },
  signed('takeover', 'takeover'),
  {
    name: 'takeover-request',
    fields: [required('signed', '@bushel/signed-takeover'), many('agreements', 'fixed32', MAX_TAKEN)]
  },
  {
    name: 'taken-lease',
    fields: [
      required('agreement', 'fixed32'),
      required('paidMsat', 'biguint64'),
      optional('counter', '@bushel/signed-counter'),
      optional('agree', '@bushel/agree'),
      optional('countersign', '@bushel/countersign'),
      optional('seal', '@bushel/signed-seal'),
      optional('stored', '@bushel/signed-stored'),
      optional('leftMsat', 'biguint64')
    ]
  },
  { name: 'takeover-answer', fields: [many('leases', '@bushel/taken-lease', MAX_TAKEN)] }
]
