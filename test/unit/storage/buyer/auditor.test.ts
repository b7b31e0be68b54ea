import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuyerLease } from '../../../../src/storage/buyer/buyer-lease.js'
import { Auditor } from '../../../../src/storage/buyer/upkeep/auditor.js'

const copyOf = (id: string, device: string): BuyerLease =>
  ({ id: Buffer.from(id), provider: Buffer.from(device) }) as BuyerLease
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** An auditor of which each audit ends when it is told to, or the node stops. */
function held(): { auditor: Auditor; begun: string[]; end: (id: string) => Promise<void> } {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const auditor = new Auditor((copy, signal) => {
    const id = copy.id.toString()
    begun.push(id)
    return new Promise(resolve => {
      ends.set(id, resolve)
      signal.addEventListener('abort', () => resolve())
    })
  })
  const end = (id: string): Promise<void> => {
    ends.get(id)!()
    return turn()
  }
  return { auditor, begun, end }
}

test('a silent provider holds up its own copies alone, one after the other', async () => {
  const { auditor, begun, end } = held()
  for (const id of ['a1', 'a2', 'a1', 'b1']) auditor.add(copyOf(id, id[0]!))
  assert.deepEqual(begun, ['a1', 'b1'])
  assert.deepEqual([auditor.asks(Buffer.from('a')), auditor.asks(Buffer.from('c'))], [true, false])
  await end('b1')
  assert.deepEqual(begun, ['a1', 'b1'])
  await end('a1')
  assert.deepEqual(begun, ['a1', 'b1', 'a2'])
  await end('a2')
  await auditor.idle()
})

test('a copy that waits or is audited is not audited twice, and so many providers are asked at once', async () => {
  const { auditor, begun, end } = held()
  const devices = 'abcdefghij'.split('')
  for (const device of [...devices, ...devices]) auditor.add(copyOf(device, device))
  assert.deepEqual(begun, devices.slice(0, 8))
  await end('a')
  assert.deepEqual(begun, devices.slice(0, 9))
  for (const device of devices.slice(1)) await end(device)
  await auditor.idle()
  assert.deepEqual(begun, devices)
})

test('a node that stops waits for no answer, and audits nothing more', async () => {
  const { auditor, begun } = held()
  for (const id of ['a1', 'a2']) auditor.add(copyOf(id, 'a'))
  await auditor.close()
  auditor.add(copyOf('b1', 'b'))
  assert.deepEqual(begun, ['a1'])
})
