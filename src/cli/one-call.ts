import { EXIT } from '../../contracts/errors/error-table.js'
import { read, withNode, withRunning } from '../daemon/access.js'
import type { HomeAccess } from '../daemon/access.js'
import type { CallContext, Method, OfflineMethod, Params, Result } from '../node/api/api.js'
import { WATCH } from './input/shared-options.js'
import type { Action, Invocation, OptionValues } from './invocation.js'
import { watch } from './output/watch.js'
import type { CommandSyntax } from './syntax.js'

/** The syntax and the code of a command that makes one call. */
interface Command {
  syntax: CommandSyntax
  run: Action
}

/** A call, and how a command makes it. */
interface Way<M extends Method> {
  method: M
  make: (access: HomeAccess, params: Params<M>, context: CallContext) => Promise<Result<M>>
}

/** A call of the running node, or of one that is opened for the length of the call. */
export function onNode<M extends Method>(method: M): Way<M> {
  const make: Way<M>['make'] = (access, params, context) =>
    withNode(access, node => node.call(method, params, context))
  return { method, make }
}

/** A call of the running node; throws NOT_RUNNING where there is none. */
export function onRunning<M extends Method>(method: M): Way<M> {
  const make: Way<M>['make'] = (access, params, context) =>
    withRunning(access, node => node.call(method, params, context))
  return { method, make }
}

interface OneCall<M extends Method> extends Omit<CommandSyntax, 'calls'> {
  call: Way<M>
  /** The parameters of the call. Throws BAD_INPUT or BAD_KEY. */
  params: (
    invocation: Invocation,
    positional: readonly string[],
    options: OptionValues
  ) => Params<M> | Promise<Params<M>>
  /** Asks the owner before the call is made, and gives the parameters that were consented to; throws when it is not to be. */
  consent?: (
    make: (params: Params<M>) => Promise<Result<M>>,
    params: Params<M>,
    options: OptionValues
  ) => Promise<Params<M>>
  /** The result for people. */
  text: (result: Result<M>, params: Params<M>) => string | string[]
  /** Whether the result is only a part of what was asked for: the exit code is 1. */
  isPart?: (result: Result<M>) => boolean
}

/** A command that makes one call with what was typed, and prints the result. */
export function oneCall<M extends Method>({
  call,
  params,
  consent,
  text,
  isPart,
  ...syntax
}: OneCall<M>): Command {
  const run: Action = async (invocation, positional, options) => {
    const { access, output, context } = invocation
    const typed = await params(invocation, positional, options)
    const make = (asked: Params<M>): Promise<Result<M>> => call.make(access, asked, context)
    const given = consent ? await consent(make, typed, options) : typed
    const result = await call.make(access, given, context)
    if (isPart?.(result)) output.exit = EXIT.failed
    output.print(result, () => text(result, given))
  }
  return { syntax: { ...syntax, calls: [call.method] }, run }
}

interface Listing<M extends OfflineMethod> extends Omit<CommandSyntax, 'calls' | 'options'> {
  /** A call without parameters, which the disk can answer too. */
  reads: M
  /** True: it has the option `--watch`, and prints the result again whenever it changes. */
  watched?: boolean
  /** The result for people. */
  text: (result: Result<M>) => string | string[]
}

/** A command that prints what a call reads. */
export function listing<M extends OfflineMethod>({ reads, watched, text, ...syntax }: Listing<M>): Command {
  const run: Action = async ({ access, output, signal, context }, _positional, options) => {
    const list = (): Promise<Result<M>> => read(access, reads, context)
    const print = (value: Result<M>): void => output.print(value, () => text(value))
    if (options['watch'] === true) await watch({ read: list, print, output, signal })
    else print(await list())
  }
  return { syntax: { ...syntax, ...(watched ? { options: WATCH } : {}), calls: [reads] }, run }
}
