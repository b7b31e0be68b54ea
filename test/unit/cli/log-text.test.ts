import assert from 'node:assert/strict'
import test from 'node:test'
import type { PlainLine } from '../../../src/daemon/log/open-log.js'
import { logText, noteOf, wholeText } from '../../../src/cli/output/log-text.js'

const AT = new Date(2026, 0, 2, 3, 4, 5).getTime()
const LEASE = 'l'.repeat(52)
const PEER = 'p'.repeat(52)

function line(message: string, fields: PlainLine['fields'] = {}, more: Partial<PlainLine> = {}): PlainLine {
  return { at: AT, level: 'info', part: 'storage', message, fields, ...more }
}

const paid = { agreement: LEASE, role: 'payer', kind: 'installment', installment: 3, msat: '40000' }

test('leases, jobs, orders and money are told in one line each, the time first', () => {
  const sealed = { lease: LEASE, role: 'buyer', peer: PEER, bytes: 1 << 20 }
  for (const [told, text] of [
    [line('lease sealed', sealed), 'lease llllllll sealed as buyer with pppppppp, 1 MiB'],
    [
      line('lease ended', { ...sealed, reason: 'it was served' }),
      'lease llllllll ended as buyer with pppppppp, 1 MiB: it was served'
    ],
    [
      line('job failed', { job: LEASE, reason: 'a trap' }, { level: 'warn' }),
      'warning: job llllllll failed: a trap'
    ],
    [
      line('bid filled', { order: PEER, leases: `${LEASE} ${PEER}` }),
      'bid pppppppp filled by leases llllllll, pppppppp; the link: bushel leases --json'
    ],
    [line('offer placed', { order: PEER, market: LEASE }), 'offer pppppppp placed, market llllllll'],
    [line('market joined', { market: LEASE }), 'market llllllll joined'],
    [line('payment paid', paid), 'paid 40 sat for installment 3 of llllllll'],
    [
      line('payment paid', { ...paid, feeMsat: '1000' }),
      'paid 40 sat and 1 sat of fees for installment 3 of llllllll'
    ],
    [
      line('payment received', { ...paid, role: 'payee', kind: 'refund' }),
      'received 40 sat as a refund of llllllll'
    ],
    [
      line('payment paid', { role: 'payer', kind: 'direct', hash: 'h'.repeat(64), msat: '40000' }),
      'paid 40 sat on hhhhhhhh'
    ],
    [
      line('payment failed', paid, { level: 'warn' }),
      'warning: failed to pay 40 sat for installment 3 of llllllll'
    ],
    [
      line('jobs paused', { reason: 'the owner has paused jobs here' }),
      'jobs paused: the owner has paused jobs here'
    ],
    [
      line('peer cut off', { bound: 'MALFORMED', times: 7 }, { level: 'warn' }),
      'warning: peer cut off, MALFORMED, 7 times'
    ]
  ] as const)
    assert.equal(logText(told), `03:04:05  ${text}`)
})

test('what only the log itself is for is not told', () => {
  assert.equal(logText(line('payment sent', paid)), null)
  assert.equal(logText(line('payment listed', { ...paid, role: 'payee' })), null)
  assert.equal(logText(line('node is up')), null)
})

test('a fault names its part and its code; the rest is in the log, or, where that is not kept, here', () => {
  const error = { name: 'Error', code: 'TIMEOUT', stack: 'Error: no answer\n    at there' }
  const fault = line('no answer', { peer: PEER }, { level: 'error', part: 'deal', error })
  assert.equal(
    logText(fault),
    '03:04:05  fault in deal: no answer with pppppppp (TIMEOUT); the log has the rest'
  )
  assert.equal(wholeText(fault), `03:04:05  error  deal  no answer  peer=${PEER}  ${error.stack}`)
  assert.equal(noteOf(fault), 'fault: no answer')
  assert.equal(noteOf(line('money is missing', {}, { level: 'warn' })), 'money is missing')
  assert.equal(noteOf(line('lease sealed')), null)
})
