import { randomBytes } from 'node:crypto'
import { BushelError } from '../../../../contracts/errors/error.js'
import { formatAmount, least, most } from '../../../../contracts/money/money.js'
import { msatOf } from './answers.js'
import type { Decoded, FoundRoutes, Hop } from './answers.js'
import { ClnError, isNoCommand } from './client.js'
import type { ClnNode } from './node.js'

export interface RouteRequest {
  /** Public key of the payee, 33 bytes. */
  payee: Buffer
  msat: bigint
  maxFeeMsat: bigint
  /** What can be sent to anybody, for the error. */
  spendableMsat: bigint
  /** Its hints lead to a payee that no announced channel leads to. */
  invoice?: string | undefined
  timeoutMs: number
}

/** What a payment would be routed with: our own channels, no fee for the first hop, and what xpay has learnt. */
const LAYERS = ['auto.localchans', 'auto.sourcefree', 'xpay']
/** Codes of `getroutes`: no route, the fee is over the limit. */
const NO_ROUTE = 205
const TOO_DEAR = 206
const BAD_PARAMETER = -32602
/** The last hop's delay where no invoice says it. */
const FINAL_CLTV = 18
/** Capacity of a hop of a hint, which says none, msat. */
const HINTED_MSAT = 1_000_000_000n

/** Asks for routes before anything is paid, in the way in which the payment itself will be routed. */
export class ClnRoutes {
  readonly #node: ClnNode

  constructor(node: ClnNode) {
    this.#node = node
  }

  /**
   * The fee of a payment, msat; null when no channel to the payee is announced and no invoice has a hint, so that only the
   * payment itself can tell. Throws NO_ROUTE, also when the fee would be over its limit.
   */
  async feeMsat(request: RouteRequest): Promise<bigint | null> {
    const { payee, invoice, timeoutMs } = request
    if (payee.equals(this.#node.id)) return 0n // lightningd's router does not survive a route to itself
    const decoded = invoice ? await this.#node.call<Decoded>('decode', { string: invoice }, timeoutMs) : null
    const hints = decoded?.routes ?? []
    try {
      return await this.#ask(request, decoded, LAYERS)
    } catch (error) {
      if (!(error instanceof ClnError)) throw error
      if (isNoCommand(error)) return this.#old(request, hints)
      if (hints.length > 0 && error.rpc === NO_ROUTE) return this.#hinted(request, decoded!)
      if (!invoice && /unknown destination/i.test(error.message)) return null
      throw noRoute(request, error)
    }
  }

  async #ask(
    { payee, msat, maxFeeMsat, timeoutMs }: RouteRequest,
    decoded: Decoded | null,
    layers: readonly string[]
  ): Promise<bigint> {
    const params = {
      source: this.#node.id.toString('hex'),
      destination: payee.toString('hex'),
      amount_msat: msat.toString(),
      layers: [...layers],
      maxfee_msat: maxFeeMsat.toString(),
      final_cltv: decoded?.min_final_cltv_expiry ?? FINAL_CLTV
    }
    const { routes } = await this.#node.call<FoundRoutes>('getroutes', params, timeoutMs)
    return routes.reduce((sum, { path }) => sum + msatOf(path[0]?.amount_out_msat), -msat)
  }

  /** Asks with the hints of the invoice in a layer of its own, which is removed again. */
  async #hinted(request: RouteRequest, decoded: Decoded): Promise<bigint> {
    const layer = `bushel-${randomBytes(8).toString('hex')}`
    await this.#node.call('askrene-create-layer', { layer })
    try {
      for (const hint of decoded.routes ?? []) await this.#draw(layer, hint, request)
      return await this.#ask(request, decoded, [...LAYERS, layer])
    } catch (error) {
      throw error instanceof ClnError ? noRoute(request, error) : error
    } finally {
      await this.#node.call('askrene-remove-layer', { layer }).catch(unlessRefused)
    }
  }

  async #draw(layer: string, hint: readonly Hop[], { payee, msat }: RouteRequest): Promise<void> {
    const capacity = most(HINTED_MSAT, msat * 2n).toString()
    for (const [i, hop] of hint.entries()) {
      const { pubkey: source, short_channel_id: id } = hop
      const destination = hint[i + 1]?.pubkey ?? payee.toString('hex')
      const channel = { source, destination, short_channel_id: id, capacity_msat: capacity }
      // A channel that two hints name exists already.
      await this.#node.call('askrene-create-channel', { layer, ...channel }).catch(unlessRefused)
      await this.#node.call('askrene-update-channel', {
        layer,
        short_channel_id_dir: `${id}/${source < destination ? 0 : 1}`,
        enabled: true,
        htlc_minimum_msat: 0,
        htlc_maximum_msat: capacity,
        fee_base_msat: hop.fee_base_msat,
        fee_proportional_millionths: hop.fee_proportional_millionths,
        cltv_expiry_delta: hop.cltv_expiry_delta
      })
    }
  }

  /** The same with `getroute`, for a lightningd without `getroutes`. */
  async #old(request: RouteRequest, hints: readonly (readonly Hop[])[]): Promise<bigint> {
    const { payee, msat, maxFeeMsat } = request
    const ways = [{ id: payee.toString('hex'), amount: msat }, ...hints.map(hint => entryOf(hint, msat))]
    let refusal: ClnError | null = null
    const fees: bigint[] = []
    for (const { id, amount } of ways) {
      if (id === undefined) continue
      try {
        fees.push((await this.#sent(id, amount, request.timeoutMs)) - msat)
      } catch (error) {
        if (!(error instanceof ClnError)) throw error
        refusal ??= error
      }
    }
    const [first, ...more] = fees
    if (first === undefined) throw noRoute(request, refusal!)
    const fee = least(first, ...more)
    if (fee > maxFeeMsat) throw tooDear(request)
    return fee
  }

  /** What has to be sent so that `msat` arrive. */
  async #sent(id: string, msat: bigint, timeoutMs: number): Promise<bigint> {
    if (id === this.#node.id.toString('hex')) return msat
    const params = { id, amount_msat: msat.toString(), riskfactor: 10 }
    const { route } = await this.#node.call<{ route: { amount_msat: number | string }[] }>(
      'getroute',
      params,
      timeoutMs
    )
    return msatOf(route[0]?.amount_msat)
  }
}

/** The node where a hint begins, and the amount that has to reach it. */
function entryOf(hint: readonly Hop[], msat: bigint): { id: string | undefined; amount: bigint } {
  const amount = [...hint].reverse().reduce((sum, hop) => sum + feeOf(hop, sum), msat)
  return { id: hint[0]?.pubkey, amount }
}

function feeOf({ fee_base_msat: base, fee_proportional_millionths: ppm }: Hop, msat: bigint): bigint {
  return msatOf(base) + (msat * BigInt(ppm)) / 1_000_000n
}

function unlessRefused(error: unknown): void {
  if (!(error instanceof ClnError) || error.rpc !== BAD_PARAMETER) throw error
}

function noRoute(request: RouteRequest, error: ClnError): BushelError {
  if (error.rpc === TOO_DEAR) return tooDear(request).withCause(error)
  const { payee, msat, spendableMsat } = request
  return new BushelError(
    'NO_ROUTE',
    `no route for ${formatAmount(msat)} to ${short(payee)} was found, though ${formatAmount(spendableMsat)} can be sent: ${error.message}`,
    'nothing was paid; open a channel to a well-connected node, or try again later'
  ).withCause(error)
}

function tooDear({ payee, msat, maxFeeMsat }: RouteRequest): BushelError {
  return new BushelError(
    'NO_ROUTE',
    `no route for ${formatAmount(msat)} to ${short(payee)} costs at most ${formatAmount(maxFeeMsat)}`,
    'nothing was paid; allow higher fees with: bushel wallet limits --fee PERCENT'
  )
}

function short(payee: Buffer): string {
  return `${payee.toString('hex').slice(0, 16)}...`
}
