/**
 * Every record and message of Bushel, declared once. `npm run spec` writes the codecs and their types under spec/.
 * Append only: a field may be added at the end of a struct as optional, never changed or removed.
 *
 * Units: every `...Msat` and `price` is a biguint64 (price: msat per TiB and 30 days; of compute: msat per Tfuel); times are ms since 1970,
 * durations ms, sizes bytes. Keys, hashes and ids are 32 bytes, signatures 64.
 */
import {
  MAX_ARGS,
  MAX_AUDIT_BLOCKS,
  MAX_BATCH,
  MAX_CORES,
  MAX_COUNTERS,
  MAX_FILES,
  MAX_HEADS,
  MAX_PROOF_NODES,
  MAX_RECORDS,
  STRIP_LENGTH
} from './counts.js'

export interface Field {
  name: string
  type: string
  required?: boolean
  array?: boolean
  /** Of an array: a longer one is malformed, before anything of it is read. */
  most?: number
}

export interface Struct {
  name: string
  fields: Field[]
}

const required = (name: string, type: string): Field => ({ name, type, required: true })
const optional = (name: string, type: string): Field => ({ name, type })
const many = (name: string, type: string, most: number): Field => ({
  name,
  type,
  required: true,
  array: true,
  most
})
/** As many as this node has written: no peer sends it. */
const all = (name: string, type: string): Field => ({ name, type, required: true, array: true })

const book: Struct[] = [
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
      required('resource', 'uint'),
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
  { name: 'book-hello', fields: [required('version', 'uint'), required('writer', 'fixed32')] },
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

const deal: Struct[] = [
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
      required('bytes', 'uint'),
      required('blocks', 'uint'),
      required('time', 'uint'),
      required('sliceStartMsat', 'biguint64')
    ]
  },
  {
    name: 'quote',
    fields: [
      required('request', 'fixed32'),
      required('ask', 'fixed32'),
      required('price', 'biguint64'),
      required('sliceStartMsat', 'biguint64'),
      required('sliceCapMsat', 'biguint64'),
      required('minChargeMsat', 'biguint64'),
      required('validFor', 'uint'),
      required('egressBytes', 'uint'),
      required('grace', 'uint')
    ]
  },
  { name: 'signed-quote', fields: [required('quote', '@bushel/quote'), required('signature', 'fixed64')] },
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
      required('version', 'uint'),
      required('nonce', 'fixed32'),
      required('market', 'fixed32'),
      required('ask', 'fixed32'),
      required('network', 'string'),
      required('buyer', '@bushel/party'),
      required('provider', '@bushel/party'),
      many('cores', '@bushel/core-limit', MAX_CORES),
      required('price', 'biguint64'),
      required('time', 'uint'),
      required('sliceStartMsat', 'biguint64'),
      required('sliceCapMsat', 'biguint64'),
      required('minChargeMsat', 'biguint64'),
      required('countersignBy', 'uint'),
      required('startBy', 'uint'),
      required('grace', 'uint'),
      required('egressBytes', 'uint')
    ]
  },
  { name: 'agree', fields: [required('terms', '@bushel/terms'), required('signature', 'fixed64')] },
  {
    name: 'slice',
    fields: [
      required('epoch', 'uint'),
      required('issue', 'uint'),
      required('hash', 'fixed32'),
      required('msat', 'biguint64')
    ]
  },
  {
    name: 'slice-list',
    fields: [required('agreement', 'fixed32'), many('slices', '@bushel/slice', STRIP_LENGTH)]
  },
  {
    name: 'countersign',
    fields: [required('list', '@bushel/slice-list'), required('signature', 'fixed64')]
  },
  { name: 'agreement-reference', fields: [required('agreement', 'fixed32')] },
  { name: 'bid-answer', fields: [required('bid', 'fixed32'), required('ask', 'fixed32')] },
  { name: 'acknowledgement', fields: [required('ok', 'uint')] },
  { name: 'strip-request', fields: [required('agreement', 'fixed32'), required('from', 'uint')] },
  { name: 'strip', fields: [required('agreement', 'fixed32'), many('invoices', 'string', STRIP_LENGTH)] },
  {
    name: 'paid',
    fields: [required('agreement', 'fixed32'), required('epoch', 'uint'), required('preimage', 'fixed32')]
  },
  {
    name: 'paid-until',
    fields: [required('agreement', 'fixed32'), required('until', 'uint'), optional('egressBytes', 'uint')]
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
  { name: 'signed-seal', fields: [required('seal', '@bushel/seal'), required('signature', 'fixed64')] },
  {
    name: 'stored',
    fields: [required('seal', 'fixed32'), required('start', 'uint'), required('paidUntil', 'uint')]
  },
  { name: 'signed-stored', fields: [required('stored', '@bushel/stored'), required('signature', 'fixed64')] },
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
    name: 'void',
    fields: [required('agreement', 'fixed32'), required('epoch', 'uint'), required('hash', 'fixed32')]
  },
  { name: 'signed-void', fields: [required('void', '@bushel/void'), required('signature', 'fixed64')] },
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
  { name: 'signed-debt', fields: [required('debt', '@bushel/debt'), required('signature', 'fixed64')] },
  { name: 'refund', fields: [required('agreement', 'fixed32'), required('invoice', 'string')] },
  {
    name: 'credit',
    fields: [required('agreement', 'fixed32'), required('epoch', 'uint'), required('debt', 'fixed32')]
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
    fields: [required('agreement', 'fixed32'), required('blocks', 'uint'), required('bytes', 'uint')]
  }
]

const compute: Struct[] = [
  {
    name: 'blob',
    fields: [
      required('key', 'fixed32'),
      required('length', 'uint'),
      required('byteLength', 'uint'),
      required('sha256', 'fixed32')
    ]
  },
  {
    name: 'job-limits',
    fields: [
      required('wallMs', 'uint'),
      required('cpuMs', 'uint'),
      required('memoryBytes', 'uint'),
      required('moduleBytes', 'uint'),
      required('stdoutBytes', 'uint'),
      required('stderrBytes', 'uint'),
      required('outputBytes', 'uint'),
      required('inodes', 'uint'),
      required('compileMs', 'uint')
    ]
  },
  {
    name: 'job-terms',
    fields: [
      required('version', 'uint'),
      required('nonce', 'fixed32'),
      required('market', 'fixed32'),
      required('ask', 'fixed32'),
      required('network', 'string'),
      required('buyer', '@bushel/party'),
      required('provider', '@bushel/party'),
      required('fuel', 'string'),
      required('isolation', 'string'),
      required('module', '@bushel/blob'),
      required('input', '@bushel/blob'),
      many('args', 'string', MAX_ARGS),
      required('seed', 'fixed32'),
      required('limits', '@bushel/job-limits'),
      required('price', 'biguint64'),
      required('baseMsat', 'biguint64'),
      required('sliceStartMsat', 'biguint64'),
      required('sliceCapMsat', 'biguint64'),
      required('maxMsat', 'biguint64'),
      required('countersignBy', 'uint'),
      required('startBy', 'uint')
    ]
  },
  {
    name: 'job-agree',
    fields: [required('terms', '@bushel/job-terms'), required('signature', 'fixed64')]
  },
  { name: 'job-countersign', fields: [required('agreement', 'fixed32'), required('signature', 'fixed64')] },
  { name: 'job-file', fields: [required('path', 'string'), required('bytes', 'buffer')] },
  { name: 'job-input', fields: [required('stdin', 'buffer'), many('files', '@bushel/job-file', MAX_FILES)] },
  {
    name: 'job-output',
    fields: [
      required('stdout', 'buffer'),
      required('stderr', 'buffer'),
      many('files', '@bushel/job-file', MAX_FILES)
    ]
  },
  {
    name: 'job-due',
    fields: [required('countersign', '@bushel/countersign'), required('invoice', 'string')]
  },
  {
    name: 'job-result',
    fields: [
      required('status', 'string'),
      required('limit', 'string'),
      required('reason', 'string'),
      required('exitCode', 'int'),
      required('fuel', 'biguint64'),
      required('tree', 'fixed32'),
      required('stdout', 'fixed32')
    ]
  },
  {
    name: 'job-commitment',
    fields: [required('agreement', 'fixed32'), required('commitment', 'fixed32')]
  },
  {
    name: 'signed-job-commitment',
    fields: [required('commitment', '@bushel/job-commitment'), required('signature', 'fixed64')]
  },
  {
    name: 'job-statement',
    fields: [
      required('agreement', 'fixed32'),
      required('result', '@bushel/job-result'),
      required('salt', 'fixed32'),
      required('output', '@bushel/blob'),
      required('keyCommitment', 'fixed32'),
      required('finalMsat', 'biguint64'),
      required('hash', 'fixed32')
    ]
  },
  {
    name: 'signed-job-statement',
    fields: [required('statement', '@bushel/job-statement'), required('signature', 'fixed64')]
  },
  {
    name: 'job-progress',
    fields: [
      required('state', 'string'),
      required('fuel', 'biguint64'),
      optional('due', '@bushel/job-due'),
      optional('commitment', '@bushel/signed-job-commitment'),
      optional('statement', '@bushel/signed-job-statement'),
      optional('reason', 'string')
    ]
  },
  {
    name: 'job-key',
    fields: [required('agreement', 'fixed32'), required('key', 'fixed32'), required('salt', 'fixed32')]
  },
  { name: 'signed-job-key', fields: [required('key', '@bushel/job-key'), required('signature', 'fixed64')] },
  {
    name: 'job',
    fields: [
      required('role', 'string'),
      required('state', 'string'),
      required('created', 'uint'),
      required('changed', 'uint'),
      required('runs', 'uint'),
      required('terms', '@bushel/job-terms'),
      required('signature', 'fixed64'),
      optional('countersign', 'fixed64'),
      optional('commitment', '@bushel/signed-job-commitment'),
      optional('statement', '@bushel/signed-job-statement'),
      optional('key', '@bushel/signed-job-key'),
      optional('reason', 'string')
    ]
  },
  {
    name: 'job-evidence',
    fields: [
      required('agree', '@bushel/job-agree'),
      optional('commitment', '@bushel/signed-job-commitment'),
      optional('statement', '@bushel/signed-job-statement'),
      optional('key', '@bushel/signed-job-key'),
      optional('ciphertext', 'buffer')
    ]
  },
  {
    name: 'run-member',
    fields: [
      required('agreement', 'fixed32'),
      required('ask', 'fixed32'),
      required('identity', 'fixed32'),
      required('device', 'fixed32'),
      required('state', 'string'),
      required('note', 'string'),
      required('fuel', 'biguint64'),
      required('hash', 'string'),
      required('paidMsat', 'biguint64'),
      required('feesMsat', 'biguint64')
    ]
  },
  {
    name: 'run-end',
    fields: [
      required('status', 'string'),
      required('limit', 'string'),
      required('reason', 'string'),
      required('exitCode', 'int'),
      required('fuel', 'biguint64'),
      required('hash', 'string'),
      required('ms', 'uint')
    ]
  },
  {
    name: 'run-record',
    fields: [
      required('id', 'fixed32'),
      required('fingerprint', 'fixed32'),
      required('name', 'string'),
      required('market', 'fixed32'),
      required('module', '@bushel/blob'),
      required('input', '@bushel/blob'),
      all('args', 'string'),
      required('seed', 'fixed32'),
      required('limits', '@bushel/job-limits'),
      required('isolation', 'string'),
      required('verify', 'uint'),
      required('wanted', 'uint'),
      required('fuel', 'biguint64'),
      required('maxMsat', 'biguint64'),
      required('maxPrice', 'biguint64'),
      required('created', 'uint'),
      required('state', 'string'),
      all('passed', 'fixed32'),
      all('members', '@bushel/run-member'),
      all('evidence', 'string'),
      optional('end', '@bushel/run-end'),
      optional('reason', 'string')
    ]
  },
  {
    name: 'check-record',
    fields: [required('identity', 'fixed32'), required('valid', 'uint'), required('wrong', 'uint')]
  }
]

const disk: Struct[] = [
  {
    name: 'ledger-entry',
    fields: [
      required('type', 'string'),
      required('at', 'uint'),
      required('agreement', 'fixed32'),
      required('role', 'string'),
      required('epoch', 'uint'),
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
  {
    name: 'fact',
    fields: [required('kind', 'string'), required('key', 'buffer'), required('value', 'buffer')]
  },
  { name: 'change-set', fields: [all('changes', 'buffer')] },
  { name: 'stored-reply', fields: [required('at', 'uint'), required('reply', 'buffer')] },
  {
    name: 'lease',
    fields: [
      required('role', 'string'),
      required('state', 'string'),
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
  {
    name: 'own-order',
    fields: [
      required('market', 'fixed32'),
      required('record', 'buffer'),
      required('until', 'uint'),
      required('open', 'uint')
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
      required('maxPrice', 'biguint64'),
      required('prepayMaxMsat', 'biguint64'),
      all('agreements', 'fixed32'),
      required('state', 'string'),
      optional('bid', 'fixed32'),
      optional('packMs', 'uint')
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
  }
]

/** In the order in which they refer to one another. */
export const structs: Struct[] = hoist([...book, ...deal, ...disk, ...compute])

/** A struct stands after those that it names: hyperschema reads them in order. */
function hoist(list: Struct[]): Struct[] {
  const named = new Map(list.map(struct => [`@bushel/${struct.name}`, struct]))
  const done = new Set<Struct>()
  const visit = (struct: Struct): void => {
    if (done.has(struct)) return
    for (const field of struct.fields) {
      const inner = named.get(field.type)
      if (inner) visit(inner)
    }
    done.add(struct)
  }
  list.forEach(visit)
  return [...done]
}
