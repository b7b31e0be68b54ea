import type { NoiseStream } from 'hyperdht'
import type ProtomuxRPC from 'protomux-rpc'

export type Kind = 'payments' | 'bare'

export interface EndOrder {
  kind: Kind
  dir: string
  bootstrap: { host: string; port: number }[]
  /** Where the payee listens; the payee itself has none. */
  payee: Address | null
}

export interface Address {
  server: string
  nodeId: string
}

export interface Run {
  /** So many payments in flight at once ... */
  lanes: number
  /** ... and so many one after the other in each. */
  installments: number
}

export interface Ran {
  /** From the first invoice that is asked for to the last payment that is made. */
  ms: number
  /** Of each payment, ms. */
  latencies: number[]
}

/** What the ledger of an end has cost since it was opened. */
export interface Cost {
  entries: number
  bytes: number
  syncs: number
}

export type ToEnd = { do: 'run'; run: Run } | { do: 'cost' }

export interface End {
  readonly nodeId: Buffer
  /** Speaks Lightning with the other end, whose node id only the payer knows beforehand. */
  link(stream: NoiseStream, nodeId: Buffer | null): void
  /** The payee's half of `lane`. */
  serve(rpc: ProtomuxRPC): void
  reach(nodeId: Buffer, msat: bigint): Promise<void>
  /** Payments one after the other; gives what each of them took, ms. */
  lane(rpc: ProtomuxRPC, nodeId: Buffer, installments: number): Promise<number[]>
  cost(): Promise<Cost>
}

export const INSTALLMENT_MSAT = 5_000n
