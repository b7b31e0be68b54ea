import type { PaymentKind, PaymentRole, PaymentStep } from '../../../src/payment/ledger.js'

export interface TraderOptions {
  home: string
  bootstrap: { host: string; port: number }[]
  /** The file in which a process about to be killed writes its step. */
  hits: string
}

/** A point at which a process is killed. */
export interface KillPoint {
  role: PaymentRole
  kind: PaymentKind
  step: PaymentStep
  phase: 'ahead' | 'written'
  /** The node itself, or its Lightning process. */
  victim: 'self' | 'lightning'
  /** The number of such steps that pass before. */
  skip: number
}

export interface Hit {
  phase: string
  step: string
  hash: string
}

export type TraderCommand =
  | { do: 'found' }
  | { do: 'join'; key: string }
  | { do: 'sell'; price: string }
  | { do: 'arm'; point: KillPoint | null }
  | { do: 'kill-lightning' }
  | { do: 'mirror'; path: string }
  | { do: 'end'; lease: string }
  | { do: 'state' }

export type Report =
  { event: 'ready'; lightning: number } | { event: 'struck' } | { event: 'fault'; fault: Fault }

/** An internal fault that a node reported. */
export interface Fault {
  /** Empty for an error that is not a BushelError: a bug. */
  code: string
  text: string
}

export interface MoneyState {
  ok: boolean
  faults: string[]
  payments: {
    agreement: string
    role: PaymentRole
    kind: PaymentKind
    installment: number
    issue: number
    hash: string
    msat: string
    step: PaymentStep
  }[]
  records: { direction: string; hash: string; msat: string; status: string }[]
  owed: { agreement: string; msat: string; settledMsat: string }[]
  served: LeaseProgress[]
  bought: LeaseProgress[]
}

/** A lease on one side, and how many of its installments are settled there. */
export interface LeaseProgress {
  agreement: string
  state: string
  paid: number
}
