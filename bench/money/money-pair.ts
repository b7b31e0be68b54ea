import { join } from 'node:path'
import type { Address, Cost, EndOrder, Kind, Ran, Run } from './end.js'
import { Actor } from '../stage.js'

/** A payer and a payee in separate processes, connected over a private DHT, with a channel between them. */
export class MoneyPair {
  readonly #payer: Actor
  readonly #payee: Actor

  private constructor(payer: Actor, payee: Actor) {
    this.#payer = payer
    this.#payee = payee
  }

  static async open(kind: Kind, folder: string, bootstrap: EndOrder['bootstrap']): Promise<MoneyPair> {
    const orderOf = (name: string, payee: Address | null): EndOrder => ({
      kind,
      dir: join(folder, `${kind}-${name}`),
      bootstrap,
      payee
    })
    const payee = new Actor('money/money-end', orderOf('payee', null))
    const payer = new Actor('money/money-end', orderOf('payer', await payee.hear<Address>()))
    await payer.hear()
    return new MoneyPair(payer, payee)
  }

  run(run: Run): Promise<Ran> {
    this.#payer.tell({ do: 'run', run })
    return this.#payer.hear<Ran>()
  }

  /** Cost of both ledgers so far. */
  async cost(): Promise<{ payer: Cost; payee: Cost }> {
    const ask = (end: Actor): Promise<Cost> => {
      end.tell({ do: 'cost' })
      return end.hear<Cost>()
    }
    return { payer: await ask(this.#payer), payee: await ask(this.#payee) }
  }

  async end(): Promise<void> {
    await this.#payer.end()
    await this.#payee.end()
  }
}
