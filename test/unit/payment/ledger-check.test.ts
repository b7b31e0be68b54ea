import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Ledger } from '../../../src/payment/ledger.js'
import type { Payment } from '../../../src/payment/ledger.js'
import {
  LEDGER_TABLES,
  accountTable,
  creditTable,
  flightTable,
  paymentTable,
  settledTable,
  spentTable
} from '../../../src/payment/ledger/tables.js'
import { STEP } from '../../../src/payment/payment-state.js'
import type { AnyTable } from '../../../src/store/definition.js'
import type { Store } from '../../../src/store/store.js'
import { folder } from '../../parts/folder.js'
import { AGREEMENT, OTHER, PROVIDER, draft } from '../../parts/payment/ends.js'
import { WALLET } from '../../parts/payment/payment-side.js'
import { storeIn } from '../../parts/store/store-in.js'

/** A row of each table that no entry gives, and fields of which a change must be found. */
const SAMPLES: [table: AnyTable, strange: unknown, fields: string[]][] = [
  [
    paymentTable as unknown as AnyTable,
    [WALLET, Buffer.alloc(32, 77)],
    fieldsOf<Payment>('step', 'at', 'msat', 'feeMsat', 'text', 'peer', 'issue', 'entry')
  ],
  [
    accountTable as unknown as AnyTable,
    [WALLET, OTHER],
    [
      'paidMsat',
      'feesMsat',
      'receivedMsat',
      'inFlightMsat',
      'refundedMsat',
      'refundOpenMsat',
      'creditedMsat',
      'payments',
      'contiguous',
      'twice',
      'largestMsat',
      'role'
    ]
  ],
  [creditTable as unknown as AnyTable, [WALLET, AGREEMENT], ['msat']],
  [flightTable as unknown as AnyTable, [WALLET, OTHER], ['msat', 'payments']],
  [spentTable as unknown as AnyTable, [WALLET, PROVIDER, 1], ['msat']],
  [settledTable as unknown as AnyTable, [WALLET, 'neither'], ['payments', 'msat', 'feesMsat', 'hashes']]
]

function fieldsOf<T>(...fields: (keyof T & string)[]): string[] {
  return fields
}

async function filled(t: TestContext): Promise<Store> {
  const store = storeIn(await folder(t))
  await store.ready()
  t.after(() => store.close())
  const ledger = new Ledger(store, WALLET)
  await ledger.record(draft(0), draft(1), draft(2))
  await ledger.record(draft(0, { step: STEP.sent }), draft(1, { step: STEP.sent }))
  await ledger.record(draft(0, { step: STEP.paid, preimage: Buffer.alloc(32, 3) }))
  await ledger.record(draft(2, { step: STEP.credited, text: `credit of ${OTHER.toString('hex')}` }))
  assert.deepEqual([...store.check()], [])
  return store
}

/** Another value of the same kind. */
function changed(value: unknown): unknown {
  if (typeof value === 'bigint') return value + 1n
  if (typeof value === 'number') return value + 1
  if (Buffer.isBuffer(value)) return Buffer.alloc(value.byteLength, 0xee)
  return value === STEP.paid ? STEP.applied : typeof value === 'string' ? STEP.paid : null
}

test('a row of the ledger that is lost, added or changed is found by the check of the store', async t => {
  assert.deepEqual(
    SAMPLES.map(([table]) => table),
    LEDGER_TABLES,
    'every table of the ledger is damaged'
  )
  const store = await filled(t)
  const finds = async (table: AnyTable, key: unknown, value: unknown, what: string): Promise<void> => {
    const old = store.table(table).get(key)
    const set = (to: unknown): Promise<void> =>
      store.write(one => (to === null ? one.delete(table, key) : one.put(table, key, to)))
    await set(value)
    const id = table.key.write(key).toString('hex')
    const problems = [...store.check()]
    assert.ok(
      problems.some(line => line.startsWith(`ledger: table ${table.name}: row ${id}`)),
      `${table.name}, ${what}: ${problems.join('; ')}`
    )
    await set(old)
    assert.deepEqual([...store.check()], [])
  }
  for (const [table, strange, fields] of SAMPLES) {
    const rows = [...store.table(table).list()]
    assert.ok(rows.length > 0, table.name)
    for (const { key, value } of rows) {
      await finds(table, key, null, 'a row lost')
      for (const field of fields) {
        const row = value as Record<string, unknown>
        await finds(table, key, { ...row, [field]: changed(row[field]) }, `another ${field}`)
      }
    }
    await finds(table, strange, rows[0]!.value, 'a row added')
  }
})
