import { setPriority } from 'node:os'
import { answer, orderOf } from '../../stage.js'

/** What a process of attackers says of itself whenever it is told something. */
export interface Told {
  /** How often each attack was carried out to its end. */
  done: Record<string, number>
  /** Why attacks broke off, how often. */
  brokeOff: Record<string, number>
  /** Attacks that had an effect on somebody else, which none may have. */
  harm: string[]
}

const MOST_REASONS = 40

/** Keeps a process of attackers going whatever breaks, and counts what it does. */
export class Doings<O extends { nice: number }> {
  readonly order: O = orderOf<O>()
  readonly #told: Told = { done: {}, brokeOff: {}, harm: [] }

  constructor(more: () => object = () => ({})) {
    setPriority(this.order.nice)
    process.on('message', () => answer({ ...this.#told, ...more() }))
    process.on('disconnect', () => process.exit())
    process.on('uncaughtException', this.goOn)
    process.on('unhandledRejection', this.goOn)
  }

  did(kind: string): void {
    const { done } = this.#told
    done[kind] = (done[kind] ?? 0) + 1
  }

  harmed(what: string): void {
    this.#told.harm.push(what)
  }

  /** An attacker goes on whatever happens: that it is cut off or not let in, and what breaks in libraries that it misuses. */
  readonly goOn = (error: unknown): void => {
    const { brokeOff } = this.#told
    const reason = (error instanceof Error ? error.message : String(error)).slice(0, 80)
    const why = reason in brokeOff || Object.keys(brokeOff).length < MOST_REASONS ? reason : 'other reasons'
    brokeOff[why] = (brokeOff[why] ?? 0) + 1
  }
}
