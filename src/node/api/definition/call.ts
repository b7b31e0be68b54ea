import type * as v from 'valibot'
import type { KeyPair } from 'hypercore-crypto'
import type { WalletChoice } from '../../../identity/config.js'
import type { NodeContext } from '../../context.js'
import type { EventName, Progress } from './events.js'
import { checked } from './door.js'
import { fields, flag, key, maybe, said } from './schema.js'
import type { Fields } from './schema.js'

export interface CallContext {
  onProgress: (progress: Progress) => void
  /** Aborted when the caller goes away or types Ctrl-C. */
  signal: AbortSignal
}

/** The home and its files, for calls that are answered without a node. */
export interface OfflineHome {
  readonly dir: string
  readonly identity: Buffer
  readonly device: KeyPair
  readonly market: Buffer | null
  readonly wallet: WalletChoice | null
}

/**
 * What a call needs: `up` a node that `bushel up` runs; `node` a node, which a command opens for its own length where
 * none runs; `home` the disk of a home, where no node runs; `nothing` neither home nor node.
 */
export type Needs = 'up' | 'node' | 'home' | 'nothing'

type Empty = Record<never, never>
const DRY_PARAMS = { dryRun: maybe(flag('true: say what would be done, and change nothing')) }
const DRY_RESULT = { dryRun: maybe(flag('true: nothing was changed')) }

interface Declared<P extends v.ObjectEntries, R extends v.ObjectEntries> {
  /** What it does, as a sentence without its subject. */
  summary: string
  params: P
  result: R
  events?: readonly EventName[]
  /** True when it changes the node, the market or the wallet, or writes files. */
  changes: boolean
  needs: Needs
}

/** The declaration of a call and the code that answers it. */
export interface Call<P extends v.ObjectEntries, R extends v.ObjectEntries> {
  readonly summary: string
  readonly params: Fields<P>
  readonly result: Fields<R>
  readonly events: readonly EventName[]
  readonly changes: boolean
  readonly needs: Needs
  readonly dryRun: boolean
  /** Throws BushelError. The parameters were checked. */
  run(
    node: NodeContext,
    params: v.InferOutput<Fields<P>>,
    context: CallContext
  ): Promise<v.InferOutput<Fields<R>>>
}

type Run<P extends v.ObjectEntries, R extends v.ObjectEntries> = Call<P, R>['run']
/** Answers from the disk of a home on which no node runs. */
type Offline<R extends v.ObjectEntries> = (home: OfflineHome) => Promise<v.InferOutput<Fields<R>>>

/** Declares a call. */
export function call<const P extends v.ObjectEntries, const R extends v.ObjectEntries>(
  declared: Declared<P, R>,
  run: Run<P, R>
): Call<P, R> {
  const { params, result, events = [], ...rest } = declared
  return { ...rest, events, dryRun: false, params: fields(params), result: fields(result), run }
}

/** Declares a call that has a dry run: `dryRun` among its parameters and in its result. */
export function callWithDryRun<const P extends v.ObjectEntries, const R extends v.ObjectEntries>(
  declared: Declared<P, R>,
  run: Run<P & typeof DRY_PARAMS, R & typeof DRY_RESULT>
): Call<P & typeof DRY_PARAMS, R & typeof DRY_RESULT> {
  const params = { ...declared.params, ...DRY_PARAMS }
  const result = { ...declared.result, ...DRY_RESULT }
  return { ...call({ ...declared, params, result }, run), dryRun: true }
}

/** What is declared of a call that ends something of this node, such as a lease, and answers its state. */
export const ending = (what: string) => ({
  params: { id: key(`id of the ${what}`) },
  result: { id: key(`id of the ${what}`), state: said('its state') },
  changes: true,
  needs: 'node' as const
})

/** Declares a call without parameters that can be answered from the disk as well. */
export function reading<const R extends v.ObjectEntries>(
  declared: Pick<Declared<Empty, R>, 'summary' | 'result'>,
  answers: { run: Run<Empty, R>; offline: Offline<R> }
): Call<Empty, R> & { offline: Offline<R> } {
  const made = call<Empty, R>({ ...declared, params: {}, changes: false, needs: 'home' }, answers.run)
  return { ...made, offline: answers.offline }
}

type Alone<P extends v.ObjectEntries, R extends v.ObjectEntries> = (
  params: v.InferOutput<Fields<P>>,
  context: CallContext
) => Promise<v.InferOutput<Fields<R>>>

/** Declares a call that needs neither home nor node; `alone` checks the parameters and answers. */
export function standalone<const P extends v.ObjectEntries, const R extends v.ObjectEntries>(
  method: string,
  declared: Omit<Declared<P, R>, 'needs'>,
  run: Alone<P, R>
): Call<P, R> & { alone: Alone<P, R> } {
  const made = call({ ...declared, needs: 'nothing' }, (_node, params, context) => run(params, context))
  return { ...made, alone: async (params, context) => run(checked(method, made.params, params), context) }
}

/** The result of a call, marked when it was a dry run. */
export function dry<T extends object>(params: { dryRun?: boolean }, result: T): T & { dryRun?: boolean } {
  return params.dryRun ? { ...result, dryRun: true } : result
}
