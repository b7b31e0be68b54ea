import { formatAmount, formatPrice } from '../../contracts/money/money.js'
import { formatSize } from '../../contracts/money/quantity.js'
import type { CheckResult } from './answers.js'
import type { ComputeEnding } from './compute-act.js'
import type { Ending } from './story.js'
import { columns, short } from './words.js'

/** The object that `--json` ends with. */
export function resultOf(ending: Ending): object {
  const { path, mirror, restore, holders, books, sourceSha256, restoredSha256 } = ending
  return {
    ok: true,
    path,
    files: mirror.files,
    bytes: mirror.bytes,
    storedBytes: mirror.storedBytes,
    copies: mirror.copies,
    providers: holders.map(({ device, offer, lease, payments }) => ({
      device,
      price: offer.price.toString(),
      paidMsat: lease.earnedMsat,
      payments: payments.length
    })),
    sourceSha256,
    restoredSha256,
    paidMsat: mirror.paidMsat,
    feesMsat: mirror.feesMsat,
    receipts: receiptsOf(ending),
    books: books.map(({ who, check }) => ({ who, ...balanceOf(check) })),
    seconds: { ...mirror.seconds, restore: restore.seconds }
  }
}

/** `compute` of that object. */
export function computeOf({ run, liar, evidence }: ComputeEnding): object {
  const { ok, agreement, stated } = evidence
  const paid = (device: string): string => run.providers.find(one => one.device === device)!.paid
  return {
    ok: true,
    hash: run.hash,
    fuel: run.fuel,
    paidMsat: run.paidMsat,
    liar: { device: liar, paidMsat: paid(liar) },
    evidence: { ok, agreement, hash: stated!.hash }
  }
}

/** The tables that the demo ends with, within 80 columns. */
export function tablesOf(ending: Ending): string[] {
  return [
    '',
    'Who holds what',
    ...holding(ending),
    '',
    'What each step cost',
    ...costs(ending),
    '',
    'Receipts: sha256(preimage) is the payment hash, in the books of both sides',
    ...receipts(ending),
    '',
    'The balance of each ledger: paid - refunded - consumed - in flight',
    ...balances(ending),
    '  Ledger and wallet agree to the msat, in the books of all three.',
    '',
    'Throughput',
    ...throughput(ending),
    ''
  ]
}

function receiptsOf({ holders }: Ending): number {
  return holders.reduce((sum, holder) => sum + holder.payments.length, 0)
}

function holding({ holders }: Ending): string[] {
  const rows = holders.map(({ device, offer, lease, servedBytes }) => [
    short(device),
    formatPrice(offer.price),
    formatSize(lease.bytes),
    lease.state,
    new Date(lease.until).toISOString().slice(0, 10),
    formatSize(servedBytes)
  ])
  return columns([['provider', 'price', 'holds', 'state', 'paid until', 'gave the reader'], ...rows], [2, 5])
}

function costs({ holders, mirror }: Ending): string[] {
  const kept = holders.map(({ device, lease, payments }) => [
    `keeping it at ${short(device)}, in ${payments.length} payments`,
    formatAmount(BigInt(lease.earnedMsat))
  ])
  return columns(
    [
      ['packing and encrypting', '0 sat'],
      [`${holders.length} quotes and signed agreements`, '0 sat'],
      ...kept,
      ['Lightning fees', formatAmount(BigInt(mirror.feesMsat))],
      ['restoring (within the egress of the price)', '0 sat'],
      ['in all', formatAmount(BigInt(mirror.paidMsat) + BigInt(mirror.feesMsat))]
    ],
    [1]
  )
}

function receipts({ holders }: Ending): string[] {
  const rows = holders.flatMap(({ device, payments }) =>
    payments.map(({ listed, msat, hash, preimage }) => [
      short(device),
      String(listed),
      formatAmount(msat),
      `${hash.slice(0, 16)}…`,
      `${preimage.slice(0, 16)}…`
    ])
  )
  return columns([['provider', 'installment', 'paid', 'payment hash', 'preimage'], ...rows], [1, 2])
}

/** Of a check, what adds up, msat: the buyer has paid, a provider was paid. */
function balanceOf(check: CheckResult): Record<string, string | boolean> {
  const { ok, refundedMsat, consumedMsat, inFlightMsat } = check
  const [paidMsat, balanceMsat] =
    check.paidMsat === '0' ? [check.receivedMsat, check.owedMsat] : [check.paidMsat, check.balanceMsat]
  return { ok, paidMsat, refundedMsat, consumedMsat, inFlightMsat, balanceMsat }
}

function balances({ books }: Ending): string[] {
  const rows = books.map(({ who, check }) => {
    const { paidMsat, refundedMsat, consumedMsat, inFlightMsat, balanceMsat } = balanceOf(check)
    const sums = [paidMsat, refundedMsat, consumedMsat, inFlightMsat, balanceMsat]
    return [who, ...sums.map(msat => formatAmount(BigInt(String(msat))))]
  })
  const titles = ['ledger', 'paid', 'refunded', 'consumed', 'in flight', 'balance']
  return columns([titles, ...rows], [1, 2, 3, 4, 5])
}

function throughput({ mirror, restore, holders }: Ending): string[] {
  const { bytes, storedBytes, seconds } = mirror
  const row = (what: string, amount: number, time: number): string[] => [
    what,
    formatSize(amount),
    `${time.toFixed(1)} s`,
    time > 0 ? `${formatSize(Math.round(amount / time))}/s` : ''
  ]
  return columns(
    [
      row('pack and encrypt', bytes, seconds.pack),
      row(`upload to ${holders.length}, audits and payments`, storedBytes * holders.length, seconds.upload),
      row('restore and verify', restore.bytes, restore.seconds)
    ],
    [1, 2, 3]
  )
}
