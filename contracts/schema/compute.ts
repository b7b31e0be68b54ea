import { MAX_ARGS, MAX_FILES } from './counts.js'
import { required, optional, many, all, signed, parties, stateOf } from './fields.js'
import type { Struct } from './fields.js'

/** How a run of a module ended. */
const ending = [
  required('status', 'string'),
  required('limit', 'string'),
  required('reason', 'string'),
  required('exitCode', 'int'),
  required('fuel', 'biguint64')
]

/** What a provider has signed about the result of a job. */
const stated = [
  optional('commitment', '@bushel/signed-job-commitment'),
  optional('statement', '@bushel/signed-job-statement')
]

/** Jobs: their terms, messages, results and evidence, and the records of a buyer's runs. */
export const compute: Struct[] = [
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
      ...parties,
      required('fuel', 'string'),
      required('isolation', 'string'),
      required('module', '@bushel/blob'),
      required('input', '@bushel/blob'),
      many('args', 'string', MAX_ARGS),
      required('seed', 'fixed32'),
      required('limits', '@bushel/job-limits'),
      required('price', 'biguint64'),
      required('baseMsat', 'biguint64'),
      required('firstInstallmentMsat', 'biguint64'),
      required('maxInstallmentMsat', 'biguint64'),
      required('maxMsat', 'biguint64'),
      required('countersignBy', 'uint'),
      required('startBy', 'uint'),
      optional('leastMsat', 'biguint64')
    ]
  },
  signed('terms', 'job-terms', 'job-agree'),
  {
    name: 'compute-request',
    fields: [
      required('memory', 'uint'),
      required('wallMs', 'uint'),
      required('cpuMs', 'uint'),
      required('isolation', 'string'),
      required('fuel', 'string'),
      required('firstInstallmentMsat', 'biguint64'),
      required('maxMsat', 'biguint64')
    ]
  },
  {
    name: 'compute-quote',
    fields: [
      required('baseMsat', 'biguint64'),
      required('firstInstallmentMsat', 'biguint64'),
      required('maxInstallmentMsat', 'biguint64'),
      optional('leastMsat', 'biguint64')
    ]
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
    fields: [...ending, required('tree', 'fixed32'), required('stdout', 'fixed32')]
  },
  {
    name: 'job-commitment',
    fields: [required('agreement', 'fixed32'), required('commitment', 'fixed32')]
  },
  signed('commitment', 'job-commitment'),
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
  signed('statement', 'job-statement'),
  {
    name: 'job-progress',
    fields: [
      required('state', 'string'),
      required('fuel', 'biguint64'),
      optional('due', '@bushel/job-due'),
      ...stated,
      optional('reason', 'string')
    ]
  },
  {
    name: 'job-key',
    fields: [required('agreement', 'fixed32'), required('key', 'fixed32'), required('salt', 'fixed32')]
  },
  signed('key', 'job-key'),
  {
    name: 'job',
    fields: [
      required('role', 'string'),
      stateOf('job'),
      required('created', 'uint'),
      required('changed', 'uint'),
      required('runs', 'uint'),
      required('terms', '@bushel/job-terms'),
      required('signature', 'fixed64'),
      optional('countersign', 'fixed64'),
      ...stated,
      optional('key', '@bushel/signed-job-key'),
      optional('reason', 'string'),
      optional('quote', '@bushel/signed-quote')
    ]
  },
  {
    name: 'job-evidence',
    fields: [
      required('agree', '@bushel/job-agree'),
      ...stated,
      optional('key', '@bushel/signed-job-key'),
      optional('ciphertext', 'buffer')
    ]
  },
  {
    name: 'run-replica',
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
    fields: [...ending, required('hash', 'string'), required('ms', 'uint')]
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
      required('offer', 'biguint64'),
      required('maxPrice', 'biguint64'),
      required('created', 'uint'),
      stateOf('run'),
      all('passed', 'fixed32'),
      all('replicas', '@bushel/run-replica'),
      all('evidence', 'string'),
      optional('end', '@bushel/run-end'),
      optional('reason', 'string'),
      optional('fetched', 'uint')
    ]
  },
  {
    name: 'check-record',
    fields: [required('identity', 'fixed32'), required('valid', 'uint'), required('wrong', 'uint')]
  }
]
