import type { NoiseStream } from 'hyperdht'
import type ProtomuxRPC from 'protomux-rpc'

export type Kind = 'payments' | 'bare'

export interface EndOrder {
  kind: Kind
  dir: string
  bootstrap: { host: string; port: number }[]
  /** Address of the payee; absent at the payee itself. */
  payee: Address | null
}

export interface Address {
  server: string
  nodeId: string
}

export interface Run {
  /** Payments in flight at a time (lanes). */
  lanes: number
  /** Payments one after the other in each lane. */
  installments: number
}

export interface Ran {
  /** Time from the first request for an invoice to the last payment, ms. */
  ms: number
  /** Time of each payment, ms. */
  latencies: number[]
}

/** Cost of one end's ledger since it was opened. */
export interface Cost {
  entries: number
  /** Size of the store's file. */
  bytes: number
  syncs: number
}

export type ToEnd = { do: 'run'; run: Run } | { do: 'cost' }

export interface End {
  readonly nodeId: Buffer
  /** Runs Lightning with the other end, whose node id only the payer knows beforehand. */
  link(stream: NoiseStream, nodeId: Buffer | null): void
  /** The payee's half of `lane`. */
  serve(rpc: ProtomuxRPC): void
  reach(nodeId: Buffer, msat: bigint): Promise<void>
  /** Makes payments one after the other; returns the time of each, ms. */
  lane(rpc: ProtomuxRPC, nodeId: Buffer, installments: number): Promise<number[]>
  cost(): Promise<Cost>
}

export const INSTALLMENT_MSAT = 5_000n
