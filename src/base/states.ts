import type { StateOf } from '#spec'
import type { Logger } from './logger.js'

/** One state of a table. */
export interface StateRow<Name extends string> {
  meaning: string
  /** What a record that begins in this state begins with; none may begin in a state without it. */
  begins?: string
  /** The states that may follow, each with what causes the move. */
  to?: Partial<Record<Name, string>>
  /** A record may rest here for good. */
  final?: true
  /** Why a record in this state may be deleted; it is kept in a state without it. */
  deleted?: string
}

export type StateTable<Name extends string> = Partial<Record<Name, StateRow<Name>>>

/** The name of a state, for people and for messages. */
export function nameOf(state: StateOf<string>): string {
  return state as unknown as string
}

/**
 * The states of one kind of record and how they follow each other, in one table for each role. What writes the records
 * calls `transition`, so that no record reaches a state in a way that its table does not have.
 */
export class States<Machine extends string, Name extends string, Role extends string> {
  readonly machine: Machine
  readonly names: readonly Name[]
  readonly tables: Readonly<Record<Role, StateTable<Name>>>
  /** The constant of each state: what records hold and are compared with. */
  readonly is: Readonly<Record<Name, StateOf<Machine>>>

  constructor(machine: Machine, names: readonly Name[], tables: Readonly<Record<Role, StateTable<Name>>>) {
    this.machine = machine
    this.names = names
    this.tables = tables
    this.is = Object.fromEntries(names.map(name => [name, name])) as unknown as Record<Name, StateOf<Machine>>
  }

  nameOf(state: StateOf<Machine>): Name {
    return state as unknown as Name
  }

  /** The state with this name; null when there is none. */
  named(text: string): StateOf<Machine> | null {
    return this.names.find(name => name === text) === undefined ? null : this.is[text as Name]
  }

  /** Whether a state is one of these. */
  among(...names: Name[]): (state: StateOf<Machine>) => boolean {
    const states = new Set<StateOf<Machine>>(names.map(name => this.is[name]))
    return state => states.has(state)
  }

  /** Whether a record is in one of these states. */
  recordIn(...names: Name[]): (record: { readonly state: StateOf<Machine> }) => boolean {
    const isOne = this.among(...names)
    return ({ state }) => isOne(state)
  }

  /**
   * Checks the next state of a record: null before it begins and once it is deleted. A record may be written again in the
   * state that it is in. Any other move that the table of its role does not have is a bug: it is logged, and throws, so
   * that nothing is written.
   */
  transition(
    role: Role,
    before: StateOf<Machine> | null,
    after: StateOf<Machine> | null,
    log: Pick<Logger, 'fault'>
  ): void {
    if (this.#has(role, before && this.nameOf(before), after && this.nameOf(after))) return
    const error = new Error(
      `a ${this.machine} (${role}) cannot ${wordsOf(before, after)}: its table of states has no such transition`
    )
    log.fault(error)
    throw error
  }

  #has(role: Role, before: Name | null, after: Name | null): boolean {
    const table = this.tables[role]
    if (before === null) return after !== null && table[after]?.begins !== undefined
    const row = table[before]
    if (after === null) return row?.deleted !== undefined
    return row !== undefined && (before === after || row.to?.[after] !== undefined)
  }
}

function wordsOf(before: StateOf<string> | null, after: StateOf<string> | null): string {
  if (before === null) return after === null ? 'be deleted before it begins' : `begin as ${nameOf(after)}`
  return after === null ? `be deleted as ${nameOf(before)}` : `go from ${nameOf(before)} to ${nameOf(after)}`
}

/** Declares the states of a kind of record: all names, and a table for each role. */
export function defineStates<Machine extends string, Name extends string, Role extends string>(
  machine: Machine,
  names: readonly Name[],
  tables: Readonly<Record<Role, StateTable<NoInfer<Name>>>>
): States<Machine, Name, Role> {
  return new States(machine, names, tables)
}
