/** Exit codes of the executable; stable, documented in docs/exit-codes.md. */
export const EXIT = {
  done: 0,
  failed: 1,
  badInput: 2,
  notFound: 3,
  noOffer: 4,
  payment: 5,
  interrupted: 130
} as const

export type Exit = (typeof EXIT)[keyof typeof EXIT]

export interface BushelErrorShape {
  code: string
  exit: Exit
  message: string
  hint?: string
}

/**
 * An error that a person or a program meets. `code` is a stable word such as `NO_OFFER`, `message` one line that says
 * what is wrong and what was kept, `hint` what to do next.
 */
export class BushelError extends Error {
  readonly code: string
  readonly exit: Exit
  readonly hint: string

  constructor({ code, exit, message, hint = '' }: BushelErrorShape, options?: ErrorOptions) {
    super(message, options)
    this.name = 'BushelError'
    this.code = code
    this.exit = exit
    this.hint = hint
  }

  withCause(cause: unknown): this {
    this.cause = cause
    return this
  }

  toJSON(): Required<BushelErrorShape> {
    return { code: this.code, exit: this.exit, message: this.message, hint: this.hint }
  }

  static badInput(message: string, hint?: string, code = 'BAD_INPUT'): BushelError {
    return new BushelError({ code, exit: EXIT.badInput, message, hint })
  }

  static notFound(message: string, hint?: string, code = 'NOT_FOUND'): BushelError {
    return new BushelError({ code, exit: EXIT.notFound, message, hint })
  }

  static noOffer(message: string, hint?: string, code = 'NO_OFFER'): BushelError {
    return new BushelError({ code, exit: EXIT.noOffer, message, hint })
  }

  static payment(message: string, hint?: string, code = 'PAYMENT_FAILED'): BushelError {
    return new BushelError({ code, exit: EXIT.payment, message, hint })
  }

  static failed(message: string, hint?: string, code = 'FAILED'): BushelError {
    return new BushelError({ code, exit: EXIT.failed, message, hint })
  }
}
