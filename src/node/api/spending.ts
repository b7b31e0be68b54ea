import type { BalanceCheck } from '../../payment/balance.js'
import type { SpendingSettings } from '../../payment/limits.js'
import { call, callWithDryRun } from './definition/call.js'
import { decimal, flag, form, listed, maybe, msat, orNull, said } from './definition/schema.js'
import type { Values } from './definition/schema.js'
import { trustedNow } from '../../base/time/trusted-time.js'

const limit = (about: string) => orNull(msat(about), `${about}, msat; null: no limit`)
const limits = {
  dealMsat: limit('most for one agreement'),
  dayMsat: limit('most in 24 hours'),
  peerMsat: limit('most in 24 hours to one identity'),
  feePercent: decimal(0, 100, 'highest fee, in percent of a payment'),
  feeMinMsat: msat('fee that is always allowed')
}
type LimitsResult = Values<typeof limits>

/** Signed: what is owed can be below nothing. */
const sum = (about: string) => form(/^-?\d{1,19}$/, 20, 'must be a sum in msat', `${about}, msat`)
const sums = {
  paidMsat: sum('paid'),
  receivedMsat: sum('received'),
  refundedMsat: sum('refunded'),
  feesMsat: sum('fees'),
  inFlightMsat: sum('in flight'),
  consumedMsat: sum('consumed'),
  balanceMsat: sum('prepaid by this node'),
  owedMsat: sum('prepaid to this node'),
  ledgerPaidMsat: sum('paid by the ledger'),
  ledgerReceivedMsat: sum('received by the ledger'),
  walletPaidMsat: sum('paid by the wallet'),
  walletReceivedMsat: sum('received by the wallet')
}

export const SPENDING_CALLS = {
  'wallet.limits': callWithDryRun(
    {
      summary: 'sets the given spending limits, and tells all of them',
      params: {
        dealMsat: maybe(limits.dealMsat),
        dayMsat: maybe(limits.dayMsat),
        peerMsat: maybe(limits.peerMsat),
        feePercent: maybe(limits.feePercent),
        feeMinMsat: maybe(limits.feeMinMsat)
      },
      result: limits,
      changes: true,
      needs: 'node'
    },
    async (node, { dryRun, ...changes }) => {
      const { limits } = await node.trade()
      const wanted = Object.fromEntries(
        Object.entries(changes).map(([name, value]) => [
          name,
          typeof value === 'string' ? BigInt(value) : value
        ])
      ) as Partial<SpendingSettings>
      if (dryRun) return { ...shown({ ...limits.settings, ...wanted }), dryRun }
      return shown(Object.keys(wanted).length > 0 ? await limits.set(wanted) : limits.settings)
    }
  ),
  'log.check': call(
    {
      summary: 'compares the ledger with the wallet, over all agreements',
      params: {},
      result: {
        ok: flag('true: ledger and wallet agree'),
        lines: listed(said('a line'), 'what was compared'),
        faults: listed(said('a line'), 'where they do not agree'),
        ...sums
      },
      changes: false,
      needs: 'node'
    },
    async node => {
      const { payments, parts } = await node.trade()
      const used = node.resources.flatMap(resource => [...resource.consumed(parts, trustedNow())])
      const check = await payments.checkBalance(new Map(used))
      const { ok, lines, faults } = check
      return { ok, lines, faults, ...sumsOf(check) }
    }
  )
}

function shown({ dealMsat, dayMsat, peerMsat, feePercent, feeMinMsat }: SpendingSettings): LimitsResult {
  const text = (limit: bigint | null): string | null => limit?.toString() ?? null
  return {
    dealMsat: text(dealMsat),
    dayMsat: text(dayMsat),
    peerMsat: text(peerMsat),
    feePercent,
    feeMinMsat: feeMinMsat.toString()
  }
}

function sumsOf(check: BalanceCheck): Record<keyof typeof sums, string> {
  const text = (name: keyof BalanceCheck): string => String(check[name])
  return {
    paidMsat: text('paidMsat'),
    receivedMsat: text('receivedMsat'),
    refundedMsat: text('refundedMsat'),
    feesMsat: text('feesMsat'),
    inFlightMsat: text('inFlightMsat'),
    consumedMsat: text('consumedMsat'),
    balanceMsat: text('balanceMsat'),
    owedMsat: text('owedMsat'),
    ledgerPaidMsat: text('ledgerPaidMsat'),
    ledgerReceivedMsat: text('ledgerReceivedMsat'),
    walletPaidMsat: text('walletPaidMsat'),
    walletReceivedMsat: text('walletReceivedMsat')
  }
}
