import { writeFile } from 'node:fs/promises'
import { BushelError } from '../../../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../../../contracts/keys/key.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { parseTime } from '../../../../contracts/money/quantity.js'
import { withNode } from '../../../daemon/access.js'
import { readLog } from '../../../daemon/books.js'
import type { LedgerEntry, LedgerFilter } from '../../../payment/ledger/entries.js'
import { nameOf } from '../../../base/states.js'
import { STEP, isSettled, paymentStates } from '../../../payment/payment-state.js'
import type { PaymentStep } from '../../../payment/payment-state.js'
import type { PaymentKind } from '../../../payment/ledger.js'
import { absolutePath, parseWhole } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import type { Action, Invocation, OptionValues } from '../../invocation.js'
import { dateText } from '../../output/order-text.js'
import { paidFor } from '../../output/payment-text.js'
import { leaseId } from '../../input/short-id.js'
import { facts, right, table } from '../../output/table.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'log',
  summary: 'show, export or check the ledger: all steps of all payments',
  example: 'log --since 30d --format csv --out books.csv',
  options: {
    '--lease <id>': 'only payments of this lease',
    '--peer <identity>': 'only payments with this identity',
    '--kind <kind>': { help: 'only this kind of payment', choices: ['installment', 'refund', 'direct'] },
    '--step <step>': { help: 'only this step', choices: paymentStates.names },
    '--since <time>': 'only since a date, or for a time such as 7d',
    '--limit <n>': 'number of newest entries (default: 100; all with --out)',
    '--format <format>': { help: 'output format', choices: ['table', 'json', 'csv'], default: 'table' },
    '--out <file>': 'write it to a file',
    '--check': 'compare it with the wallet; exit code 1 if they do not agree'
  },
  calls: ['log.check']
}

const MOST = 1_000_000

/** Prints the ledger, exports it, or checks it against the wallet. */
export const run: Action = async (invocation, _positional, options) => {
  if (options['check'] === true) return check(invocation)
  const { access, output } = invocation
  const limit = parseWhole(
    text(options, 'limit') ?? (options['out'] ? String(MOST) : '100'),
    'number of lines',
    MOST
  )
  const entries: LedgerEntry[] = []
  await readLog(access, await filterOf(invocation, options), entry => {
    entries.push(entry)
    if (entries.length > limit) entries.shift()
  })
  const plain = entries.map(plainOf)
  const format = text(options, 'format') ?? 'table'
  const lines =
    format === 'csv' ? csv(plain) : format === 'json' ? plain.map(one => JSON.stringify(one)) : page(entries)
  const out = text(options, 'out')
  if (out === undefined) {
    if (format === 'table') output.print({ entries: plain }, () => lines)
    else output.text(lines.join('\n'))
    return
  }
  const path = absolutePath(out)
  await writeFile(path, lines.join('\n') + '\n', { mode: 0o600 })
  output.print({ out: path, entries: plain.length }, () => `${plain.length} entries written to ${path}`)
}

/** Checks the ledger against the wallet; the exit code is 1 when they do not agree. */
async function check({ access, output, context }: Invocation): Promise<void> {
  const result = await withNode(access, node => node.call('log.check', {}, context))
  const amount = (msat: string): string => formatAmount(BigInt(msat))
  output.verdict(result, () => [
    ...facts([
      ['paid', amount(result.paidMsat)],
      ['received', amount(result.receivedMsat)],
      ['refunded', amount(result.refundedMsat)],
      ['consumed', amount(result.consumedMsat)],
      ['in flight', amount(result.inFlightMsat)],
      ['prepaid by us', amount(result.balanceMsat)],
      ['prepaid to us', amount(result.owedMsat)],
      ['fees', amount(result.feesMsat)],
      [
        'out',
        `${amount(result.ledgerPaidMsat)} by the ledger, ${amount(result.walletPaidMsat)} by the wallet`
      ],
      [
        'in',
        `${amount(result.ledgerReceivedMsat)} by the ledger, ${amount(result.walletReceivedMsat)} by the wallet`
      ]
    ]),
    ...result.faults.map(fault => `FAULT: ${fault}`),
    result.ok ? 'ledger and wallet agree' : 'LEDGER AND WALLET DO NOT AGREE'
  ])
}

async function filterOf(invocation: Invocation, options: OptionValues): Promise<LedgerFilter> {
  const filter: LedgerFilter = {}
  const lease = text(options, 'lease')
  if (lease !== undefined) filter.agreement = parseKey(await leaseId(invocation, lease), 'lease id')
  const peer = text(options, 'peer')
  if (peer !== undefined) filter.peer = parseKey(peer, 'identity')
  const kind = text(options, 'kind')
  if (kind !== undefined) filter.kind = kind as PaymentKind
  const step = text(options, 'step')
  if (step !== undefined) filter.steps = [paymentStates.named(step)!]
  const since = text(options, 'since')
  if (since !== undefined) filter.since = timeOf(since)
  return filter
}

/** Parses a date, or a time before now, to ms since 1970. Throws BAD_INPUT. */
function timeOf(since: string): number {
  if (/^\d{4}-\d{2}-\d{2}/.test(since)) {
    const at = Date.parse(since)
    if (!Number.isNaN(at)) return at
  } else if (/^\d/.test(since)) return Date.now() - parseTime(since)
  throw new BushelError(
    'BAD_INPUT',
    `'${since}' is neither a date nor a time`,
    'write a date such as 2026-01-31, or how long ago, such as 7d'
  )
}

interface PlainEntry {
  number: number
  time: string
  step: string
  role: string
  kind: string
  agreement: string
  installment: number
  issue: number
  peer: string
  msat: string
  sat: string
  feeMsat: string
  hash: string
  preimage: string
}

function plainOf({ number, payment }: LedgerEntry): PlainEntry {
  const { agreement, role, kind, installment, issue, peer, hash, msat, step, at, feeMsat, preimage } = payment
  return {
    number,
    time: new Date(at).toISOString(),
    step: nameOf(step),
    role,
    kind,
    agreement: kind === 'direct' ? '' : formatKey(agreement),
    installment,
    issue,
    peer: peer ? formatKey(peer) : '',
    msat: msat.toString(),
    sat: satText(msat),
    feeMsat: isSettled(step) ? feeMsat.toString() : '0', // in flight it is only the most that it may be
    hash: hash.toString('hex'),
    preimage: preimage?.toString('hex') ?? ''
  }
}

function satText(msat: bigint): string {
  return `${msat / 1000n}.${(msat % 1000n).toString().padStart(3, '0')}`
}

/** CSV (RFC 4180). No cell needs quotes, and no cell can be taken for a formula. */
function csv(entries: PlainEntry[]): string[] {
  const names: (keyof PlainEntry)[] = [
    'number',
    'time',
    'step',
    'role',
    'kind',
    'agreement',
    'installment',
    'issue',
    'peer',
    'msat',
    'sat',
    'feeMsat',
    'hash',
    'preimage'
  ]
  return [names.join(','), ...entries.map(entry => names.map(name => String(entry[name])).join(','))]
}

/** Empty for an installment that was settled from a debt, and as long as the fee is not known. */
function feeText(step: PaymentStep, feeMsat: bigint): string {
  return isSettled(step) && step !== STEP.credited ? formatAmount(feeMsat) : ''
}

function page(entries: LedgerEntry[]): string[] {
  if (entries.length === 0) return ['the ledger has no such entries']
  return table(
    [
      { title: 'WHEN' },
      { title: 'STEP' },
      { title: 'FOR', flexible: true },
      right('AMOUNT'),
      right('FEE'),
      { title: 'HASH' }
    ],
    entries.map(({ payment: { at, step, kind, agreement, installment, msat, feeMsat, hash } }) => [
      dateText(at),
      nameOf(step),
      kind === 'direct' ? 'direct' : paidFor(kind, installment, formatKey(agreement)),
      formatAmount(msat),
      feeText(step, feeMsat),
      hash.toString('hex').slice(0, 8)
    ])
  )
}
