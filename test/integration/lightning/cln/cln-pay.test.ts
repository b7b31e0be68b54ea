import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import bolt11 from 'bolt11'
import { BushelError } from '../../../../contracts/errors/error.js'
import { ClnWallet } from '../../../../src/lightning/backends/cln/wallet.js'
import type { ListedInvoice } from '../../../../src/lightning/backends/cln/answers.js'
import { Settlements } from '../../../../src/lightning/backends/cln/settlements.js'
import { FakeSocket, reply } from './fake-socket.js'

/** Answers of a lightningd that do not by themselves rule out a double payment. */
const NODE = '02'.repeat(33)
const PREIMAGE = createHash('sha256').update('a preimage').digest()
const HASH = createHash('sha256').update(PREIMAGE).digest()
const LIMITS = { maxFeeMsat: 5_000n, timeoutMs: 200 }

const INVOICE = bolt11.sign(
  bolt11.encode(
    {
      network: { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] },
      millisatoshis: '5000',
      tags: [
        { tagName: 'payment_hash', data: HASH.toString('hex') },
        { tagName: 'payment_secret', data: '11'.repeat(32) },
        { tagName: 'description', data: 'a test' },
        {
          tagName: 'feature_bits',
          data: { word_length: 4, payment_secret: { required: true, supported: false } }
        }
      ]
    },
    false
  ),
  Buffer.alloc(32, 5)
).paymentRequest!

type Status = 'pending' | 'complete' | 'failed'
let dir: string
let wire: FakeSocket
let wallet: ClnWallet
/** The status of each attempt of the payment in its records. */
let records: Status[] = []
/** What it does when told to pay. */
let onpay: () => object | 'cut' = () => ({ result: {} })
let told = 0

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bushel-cln-'))
  wire = new FakeSocket(join(dir, 'rpc'))
  await wire.listen()
  wire.answer = (request, connection) => {
    const { method } = request
    if (method === 'getinfo')
      connection.write(reply(request, { result: { id: NODE, network: 'regtest', blockheight: 1 } }))
    if (method === 'listinvoices') connection.write(reply(request, { result: { invoices: [] } }))
    if (method === 'listpays') connection.write(reply(request, { result: { pays: records.map(pay) } }))
    if (method === 'getlog' || method === 'xpay')
      connection.write(reply(request, { error: { code: -32601, message: `Unknown command '${method}'` } }))
    if (method !== 'pay') return
    told++
    const said = onpay()
    if (said === 'cut') connection.destroy()
    else connection.write(reply(request, said))
  }
  const payIndex = { get: () => 0n, set: async () => undefined }
  wallet = new ClnWallet({ socket: wire.socket, payIndex, pollMs: 10, timeoutMs: 2_000 })
  await wallet.ready()
})

after(async () => {
  await wallet.close()
  await wire.stop()
  await rm(dir, { recursive: true })
})

beforeEach(() => {
  records = []
  told = 0
})

function pay(status: Status): object {
  const base = { payment_hash: HASH.toString('hex'), status, created_at: 1 }
  if (status !== 'complete') return base
  return { ...base, preimage: PREIMAGE.toString('hex'), amount_msat: 5000, amount_sent_msat: 5003 }
}

const paid = { status: 'succeeded', preimage: PREIMAGE, feeMsat: 3n }

test('a payment that the records have as paid or pending is not sent again', async () => {
  records = ['failed', 'complete']
  assert.deepEqual(await wallet.pay(INVOICE, LIMITS), paid)
  records = ['failed', 'pending']
  assert.deepEqual(await wallet.pay(INVOICE, LIMITS), { status: 'pending' })
  assert.equal(told, 0)
  records = ['failed']
  onpay = () => {
    records.push('complete')
    return { result: {} }
  }
  assert.deepEqual(await wallet.pay(INVOICE, LIMITS), paid)
  assert.equal(told, 1)
})

test('an error of `pay` does not mean that the payment failed: the records decide', async () => {
  const error = { code: 210, message: 'Timed out' }
  const cases: [Status[], string][] = [
    [['pending'], 'pending'],
    [['failed', 'complete'], 'succeeded'],
    [['failed'], 'failed'],
    [[], 'failed']
  ]
  for (const [after, status] of cases) {
    records = []
    onpay = () => {
      records = after
      return { error }
    }
    assert.equal((await wallet.pay(INVOICE, LIMITS)).status, status, after.join())
  }
})

test('a lost answer leaves a payment pending until the records show its outcome', async () => {
  onpay = () => 'cut'
  assert.deepEqual(await wallet.pay(INVOICE, LIMITS), { status: 'pending' })
  onpay = () => {
    records = ['complete']
    return 'cut'
  }
  assert.deepEqual(await wallet.pay(INVOICE, LIMITS), paid)
})

test('the history has the successful attempt of a payment with several attempts', async () => {
  for (const list of [
    ['failed', 'complete'],
    ['complete', 'failed'],
    ['pending', 'complete', 'failed']
  ] as Status[][]) {
    records = list
    const history = await wallet.history()
    assert.deepEqual(
      history.map(({ status, feeMsat }) => ({ status, feeMsat })),
      [{ status: 'succeeded', feeMsat: 3n }],
      list.join()
    )
  }
})

test('a settlement is reported before its index is saved, so that a stop in between loses none', async () => {
  const steps: string[] = []
  let noted: () => void = () => undefined
  const first = new Promise<void>(resolve => (noted = resolve))
  const settlements = new Settlements({
    payIndex: {
      get: () => 4n,
      set: async index => {
        steps.push(`noted ${index}`)
        noted()
      }
    },
    wait: ({ lastpay_index: last }) =>
      last === '4'
        ? Promise.resolve({ label: '', payment_hash: '', status: 'paid', pay_index: 5 })
        : first.then(() => new Promise((_, reject) => setImmediate(reject, ended))),
    onsettled: ({ pay_index: index }) => steps.push(`told ${index}`),
    onfault: error => steps.push(String(error))
  })
  settlements.start()
  await first
  await settlements.close()
  assert.deepEqual(steps, ['told 5', 'noted 5'])
})

test('a settlement that cannot be reported and an index that cannot be saved are faults, and the next settlement is reported', async () => {
  const steps: string[] = []
  let done: () => void = () => undefined
  const last = new Promise<void>(resolve => (done = resolve))
  const invoice = (index: number): ListedInvoice => ({
    label: '',
    payment_hash: '',
    status: 'paid',
    pay_index: index
  })
  let failed = false
  const settlements = new Settlements({
    payIndex: {
      get: () => 4n,
      set: async index => {
        if (index === 6n) throw new Error('the disk is gone')
        steps.push(`noted ${index}`)
        if (index === 7n) done()
      }
    },
    wait: async ({ lastpay_index: from }) => {
      if (from === '7') return new Promise((_, reject) => setImmediate(reject, ended))
      if (from === '4' && !failed) {
        failed = true
        throw new TypeError('what is this')
      }
      return invoice(Number(from) + 1)
    },
    onsettled: ({ pay_index: index }) => {
      if (index === 5) throw new SyntaxError('no amount')
      steps.push(`told ${index}`)
    },
    onfault: error => steps.push((error as Error).message)
  })
  settlements.start()
  await last
  await settlements.close()
  assert.deepEqual(steps, [
    'what is this',
    'no amount',
    'noted 5',
    'told 6',
    'the disk is gone',
    'told 7',
    'noted 7'
  ])
})

test('a payment reported again and again is a fault, and is asked for at a bounded rate', async () => {
  let asked = 0
  const faults: string[] = []
  const pauses: number[] = []
  let done: () => void = () => undefined
  const third = new Promise<void>(resolve => (done = resolve))
  const settlements = new Settlements({
    payIndex: { get: () => 4n, set: async () => undefined },
    wait: async () => {
      asked++
      return { label: '', payment_hash: '', status: 'paid', pay_index: 4 }
    },
    onsettled: () => assert.fail('it was told before'),
    onfault: error => {
      faults.push((error as Error).message)
      if (faults.length === 3) done()
    },
    pause: async ms => void pauses.push(ms)
  })
  settlements.start()
  await third
  await settlements.close()
  assert.equal(asked, faults.length)
  assert.deepEqual(pauses.slice(0, 2), [200, 400])
  assert.equal(pauses.length, asked, 'a pause after each')
  assert.match(faults[0]!, /reported payment \d+ again/)
})

const ended = new BushelError('WALLET_CLOSED', 'the wallet is closed')
