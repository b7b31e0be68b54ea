import type { TestContext } from 'node:test'
import type { End } from './ends.js'

export interface Held {
  /** Resolves when the wallet is called. */
  begun: Promise<void>
  /** Lets the wallet go on. */
  release(): void
}

/** Holds a method of a wallet from its next call on. */
export function held(
  t: TestContext,
  { wallet }: End,
  method: 'pay' | 'history' | 'refuse' | 'invoice'
): Held {
  let release = (): void => undefined
  let begin = (): void => undefined
  const given = new Promise<void>(resolve => (release = resolve))
  const begun = new Promise<void>(resolve => (begin = resolve))
  const call = wallet[method].bind(wallet) as (...args: unknown[]) => Promise<unknown>
  const wait = async (...args: unknown[]): Promise<unknown> => {
    begin()
    await given
    return call(...args)
  }
  t.mock.method(wallet, method as 'pay', wait as never)
  return { begun, release: () => release() }
}
