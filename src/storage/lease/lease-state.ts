/**
 * Buyer: AGREED, BOUND, ACTIVE, STORED, LAPSING (given up, and the provider has not said yet what it owes back), ENDED.
 * Provider: COUNTERSIGNED, ACTIVE, STORED, GRACE, ENDED. Either: VOID,
 * an agreement whose first payment never came.
 */
export type LeaseState =
  'AGREED' | 'BOUND' | 'COUNTERSIGNED' | 'ACTIVE' | 'STORED' | 'LAPSING' | 'GRACE' | 'ENDED' | 'VOID'
