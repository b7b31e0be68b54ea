import { formatAmount, formatPrice } from '../../contracts/money/money.js'
import { formatSize } from '../../contracts/money/quantity.js'
import type { CheckResult } from './answers.js'
import type { ComputeEnding } from './compute-act.js'
import type { Ending } from './story.js'
import { columns, short } from './words.js'

/** The result that `--json` prints. */
export function resultOf(ending: Ending): object {
  const { path, mirror, restore, holders, books, sourceSha256, restoredSha256 } = ending
  return {
    ok: true,
    path,
    files: mirror.files,
    bytes: mirror.bytes,
    storedBytes: mirror.storedBytes,
    copies: mirror.copies,
    providers: holders.map(({ device, offer, lease, payments, refundedMsat }) => ({
      device,
      price: offer.price.toString(),
      paidMsat: lease.earnedMsat,
      payments: payments.length,
      state: lease.state,
      refundedMsat: refundedMsat.toString()
    })),
    sourceSha256,
    restoredSha256,
    paidMsat: paidOf(ending).toString(),
    refundedMsat: backOf(ending).toString(),
    feesMsat: mirror.feesMsat,
    receipts: receiptsOf(ending),
    books: books.map(({ who, check }) => ({ who, ...balanceOf(check) })),
    seconds: { ...mirror.seconds, restore: restore.seconds }
  }
}

/** The field `compute` of the result. */
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

/** The tables at the end of the demo, at most 80 columns wide. */
export function tablesOf(ending: Ending): string[] {
  const agreed = '  Ledger and wallet agree to the msat on all of these nodes.'
  return [
    ...section('Copies', holding(ending)),
    ...section('Cost of each step', costs(ending)),
    ...section(
      'Receipts: sha256(preimage) is the payment hash, in the ledgers of both sides',
      receipts(ending)
    ),
    ...section('Balance of each ledger: paid - refunded - consumed - in flight', balances(ending)),
    agreed,
    ...section('Throughput', throughput(ending)),
    ''
  ]
}

function section(title: string, lines: string[]): string[] {
  return ['', title, ...lines]
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
  return columns([['provider', 'price', 'stores', 'state', 'paid until', 'sent to reader'], ...rows], [2, 5])
}

/** What all providers were paid, and what they have paid back, msat. */
function paidOf({ holders }: Ending): bigint {
  return holders.reduce((sum, { lease }) => sum + BigInt(lease.earnedMsat), 0n)
}

function backOf({ holders }: Ending): bigint {
  return holders.reduce((sum, { refundedMsat }) => sum + refundedMsat, 0n)
}

function costs(ending: Ending): string[] {
  const { holders, mirror } = ending
  const kept = holders.map(({ device, lease, payments }) => [
    `storage at ${short(device)}, in ${payments.length} payments`,
    formatAmount(BigInt(lease.earnedMsat))
  ])
  const back = holders
    .filter(({ refundedMsat }) => refundedMsat > 0n)
    .map(({ device, refundedMsat }) => [`paid back by ${short(device)}`, `-${formatAmount(refundedMsat)}`])
  return columns(
    [
      ['packing and encrypting', '0 sat'],
      [`${holders.length} quotes and signed agreements`, '0 sat'],
      ...kept,
      ...back,
      ['Lightning fees', formatAmount(BigInt(mirror.feesMsat))],
      ['restoring (egress included in the price)', '0 sat'],
      ['total', formatAmount(paidOf(ending) - backOf(ending) + BigInt(mirror.feesMsat))]
    ],
    [1]
  )
}

function receipts({ holders }: Ending): string[] {
  const rows = holders.flatMap(({ device, payments }) =>
    payments.map(({ position, msat, hash, preimage }) => [
      short(device),
      String(position),
      formatAmount(msat),
      `${hash.slice(0, 16)}…`,
      `${preimage.slice(0, 16)}…`
    ])
  )
  return columns([['provider', 'installment', 'paid', 'payment hash', 'preimage'], ...rows], [1, 2])
}

/** The terms of the balance of a check, msat; `paidMsat` is what a provider received. */
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

function throughput({ mirror, restore }: Ending): string[] {
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
      row(`upload to ${mirror.copies}, audits and payments`, storedBytes * mirror.copies, seconds.upload),
      row('restore and verify', restore.bytes, restore.seconds)
    ],
    [1, 2, 3]
  )
}
