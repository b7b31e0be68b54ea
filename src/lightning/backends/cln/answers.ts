import { byPeer } from '../../liquidity.js'
import type { Liquidity } from '../../liquidity.js'
import type { Balance } from '../../wallet.js'

/** The fields of lightningd's answers that Bushel reads. Amounts are numbers, digits, or `123msat`. */
export type Amount = number | string | null | undefined

export interface GetInfo {
  id: string
  alias?: string
  version?: string
  network: string
  blockheight: number
  warning_bitcoind_sync?: string
  warning_lightningd_sync?: string
}

export interface ListedInvoice {
  label: string
  bolt11?: string
  payment_hash: string
  amount_msat?: Amount
  status: 'unpaid' | 'paid' | 'expired'
  pay_index?: number | string
  amount_received_msat?: Amount
  /** s since 1970. */
  paid_at?: number
  payment_preimage?: string
  description?: string
  created_index?: number
}

export interface ListedPay {
  bolt11?: string
  payment_hash: string
  status: 'pending' | 'failed' | 'complete'
  /** s since 1970. */
  created_at: number
  completed_at?: number
  preimage?: string
  amount_msat?: Amount
  amount_sent_msat?: Amount
  description?: string
  created_index?: number
}

export interface ListedSendPay {
  status: string
  /** s since 1970. */
  created_at: number
}

/** A hop of a route hint. */
export interface Hop {
  pubkey: string
  short_channel_id: string
  fee_base_msat: number
  fee_proportional_millionths: number
  cltv_expiry_delta: number
}

export interface Decoded {
  min_final_cltv_expiry?: number
  routes?: Hop[][]
}

export interface FoundRoutes {
  routes: { path: { amount_out_msat?: Amount }[] }[]
}

export interface ListedChannel {
  peer_id: string
  peer_connected: boolean
  state: string
  spendable_msat?: Amount
  receivable_msat?: Amount
  short_channel_id?: string
  htlcs?: { direction: string; payment_hash: string; expiry: number }[]
  /** What the other side has announced for payments to us. */
  updates?: { remote?: { htlc_minimum_msat?: Amount } }
}

/** An amount in msat; 0 when it is absent. */
export function msatOf(amount: Amount): bigint {
  return amount === null || amount === undefined ? 0n : BigInt(String(amount).replace(/msat$/, ''))
}

/** Whether a channel can carry payments now. */
export function usable(channel: ListedChannel): boolean {
  return channel.peer_connected && isOpen(channel)
}

function isOpen({ state }: ListedChannel): boolean {
  return state === 'CHANNELD_NORMAL' || state === 'CHANNELD_AWAITING_SPLICE'
}

/** The node's warning that it is not in sync, or null. */
export function syncOf({
  warning_bitcoind_sync: bitcoind,
  warning_lightningd_sync: own
}: GetInfo): string | null {
  return bitcoind ?? own ?? null
}

/** What can be sent and received over the usable channels. */
export function balanceOf(network: string, listed: readonly ListedChannel[]): Balance {
  const channels = listed.filter(usable)
  return {
    network,
    spendableMsat: channels.reduce((sum, { spendable_msat: msat }) => sum + msatOf(msat), 0n),
    receivableMsat: channels.reduce((sum, { receivable_msat: msat }) => sum + msatOf(msat), 0n)
  }
}

/** Where it lies. A payment may be split over all usable channels, so the largest is all of it; the fee comes out of it. */
export function liquidityOf(listed: readonly ListedChannel[]): Liquidity {
  const peers = byPeer(
    listed.filter(isOpen).map(channel => ({
      peer: Buffer.from(channel.peer_id, 'hex'),
      usable: usable(channel),
      spendableMsat: msatOf(channel.spendable_msat),
      receivableMsat: msatOf(channel.receivable_msat)
    }))
  )
  const largestMsat = peers.reduce((sum, peer) => (peer.usable ? sum + peer.spendableMsat : sum), 0n)
  return { peers, largestMsat, newChannelMsat: 0n }
}
