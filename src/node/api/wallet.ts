import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import type { WalletChoice } from '../../identity/config.js'
import { readInvoice } from '../../lightning/invoice.js'
import type { Balance } from '../../lightning/wallet.js'
import type { BalanceCheck } from '../../payment/balance.js'
import type { SpendingSettings } from '../../payment/limits.js'
import type {
  CheckResult,
  LimitsResult,
  PaidInvoice,
  Params,
  Result,
  SetLimits,
  WalletEntry,
  WalletResult
} from './api.js'
import { backendOf } from '../backend.js'
import type { NodeContext } from '../context.js'

const NEWEST = 1000

export function walletResult(choice: WalletChoice | null, balance: Balance): WalletResult {
  return {
    backend: backendOf(choice).id,
    network: balance.network,
    ...(choice?.node ? { nodeId: choice.node.id.toString('hex') } : {}),
    spendableMsat: balance.spendableMsat.toString(),
    receivableMsat: balance.receivableMsat.toString()
  }
}

/** The wallet's own records, newest last, each with its purpose by the ledger. */
export async function walletHistory(
  node: NodeContext,
  { limit = NEWEST }: Params<'wallet.history'>
): Promise<Result<'wallet.history'>> {
  const { wallet, ledger } = await node.trade()
  const records = (await wallet.history()).slice(-limit).map<WalletEntry>(record => {
    const known = ledger.byHash(record.paymentHash)
    return {
      direction: record.direction,
      at: record.at,
      msat: record.msat.toString(),
      feeMsat: record.feeMsat.toString(),
      status: record.status,
      hash: record.paymentHash.toString('hex'),
      description: record.description,
      kind: known?.kind ?? null,
      agreement: known && known.kind !== 'direct' ? formatKey(known.agreement) : null,
      installment: known && known.kind !== 'direct' ? known.installment : null
    }
  })
  return { records }
}

export async function walletInvoice(
  node: NodeContext,
  { msat, description, expirySeconds, dryRun }: Params<'wallet.invoice'>
): Promise<Result<'wallet.invoice'>> {
  const { payments } = await node.trade()
  if (dryRun) return { invoice: '', hash: '', msat, dryRun }
  const { invoice, hash } = await payments.issue(BigInt(msat), description, expirySeconds)
  return { invoice, hash: hash.toString('hex'), msat }
}

export async function walletPay(
  node: NodeContext,
  { invoice, maxMsat, dryRun }: Params<'wallet.pay'>
): Promise<PaidInvoice> {
  const { payments, wallet } = await node.trade()
  const options = maxMsat === undefined ? {} : { maxMsat: BigInt(maxMsat) }
  const { paymentHash, payee, description } = readInvoice(invoice, wallet.network)
  const what = { hash: paymentHash.toString('hex'), payee: payee.toString('hex'), description }
  if (dryRun) {
    const { msat } = payments.examine(invoice, options)
    return { ...what, msat: msat.toString(), feeMsat: '0', preimage: '', dryRun }
  }
  const paid = await payments.payInvoice(invoice, options)
  return {
    ...what,
    msat: paid.msat.toString(),
    feeMsat: paid.feeMsat.toString(),
    preimage: paid.preimage?.toString('hex') ?? ''
  }
}

export async function walletLimits(node: NodeContext, params: SetLimits): Promise<LimitsResult> {
  const { limits } = await node.trade()
  const { dryRun, ...changes } = params
  const wanted = Object.fromEntries(
    Object.entries(changes).map(([name, value]) => [name, typeof value === 'string' ? BigInt(value) : value])
  ) as Partial<SpendingSettings>
  if (dryRun) return { ...shown({ ...limits.settings, ...wanted }), dryRun }
  return shown(Object.keys(wanted).length > 0 ? await limits.set(wanted) : limits.settings)
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

/** The balance check, over all agreements. */
export async function checkLog(node: NodeContext): Promise<CheckResult> {
  const { payments, parts } = await node.trade()
  const used = node.resources.flatMap(resource => [...resource.consumed(parts, Date.now())])
  const check = await payments.checkBalance(new Map(used))
  const { ok, lines, faults } = check
  return { ok, lines, faults, ...sums(check) }
}

function sums(check: BalanceCheck): Omit<CheckResult, 'ok' | 'lines' | 'faults'> {
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

/** Real sats come over channels that must exist before the first buyer pays. */
export async function demandInbound(node: NodeContext, leastMsat: bigint): Promise<void> {
  const { wallet } = await node.trade()
  if (!wallet.real) return
  const { receivableMsat } = await wallet.balance()
  if (receivableMsat >= leastMsat) return
  throw new BushelError(
    'NO_INBOUND',
    'this Lightning node can receive nothing yet; no offer was made',
    'open a channel with inbound liquidity first'
  )
}
