import ReadyResource from 'ready-resource'
import { BushelError } from '../../contracts/errors/error.js'
import { Scope } from './scope.js'

type NameOf<Parts> = keyof Parts & string

/** One entry of a list of services, which open from top to bottom and close from bottom to top. */
export interface Service<Parts> {
  readonly name: NameOf<Parts>
  /** Services above it in the list; `open` gets these and no others. */
  readonly needs: readonly NameOf<Parts>[]
  open(parts: Parts, scope: Scope): unknown
}

/**
 * Returns the function that declares the services of one list: name, needs and how to open it. Whatever `open` puts into
 * its scope is undone when the service closes or fails to open.
 */
export function declaring<Parts>() {
  return <Name extends NameOf<Parts>, Need extends NameOf<Parts> = never>(
    name: Name,
    needs: readonly Need[],
    open: (parts: Pick<Parts, Need>, scope: Scope) => Parts[Name] | Promise<Parts[Name]>
  ): Service<Parts> => ({ name, needs, open: open as Service<Parts>['open'] })
}

/** A service could not be opened or closed. `cause` is why; `code` is that of the cause, where it has one. */
export class ServiceFailure extends Error {
  readonly service: string
  readonly code: string | undefined

  constructor(service: string, action: 'open' | 'close', cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super(`the service '${service}' could not ${action}: ${why}`, { cause })
    this.name = 'ServiceFailure'
    this.service = service
    this.code = (cause as { code?: string } | null)?.code
  }
}

export interface ServicesOptions<Parts> {
  /** Parts that exist before the first service opens and that the caller closes. */
  given: Partial<Parts>
  services: readonly Service<Parts>[]
  /** Called with a ServiceFailure when closing fails and no caller would get the error. */
  onfault: (error: unknown) => void
}

/**
 * Opens services in the order of their list, each with the parts that it needs, and closes them in the reverse order.
 * When one fails to open, those before it are closed and `ready` rejects with a ServiceFailure; a BushelError, which
 * already says in words what to do, is passed on as it is. `close` during opening waits for the service under way and
 * closes what is open; the services after it are never opened.
 */
export class Services<Parts extends object> extends ReadyResource {
  /** The open parts and the given ones. */
  readonly parts: Partial<Parts>
  readonly #options: ServicesOptions<Parts>
  readonly #open: { name: string; scope: Scope }[] = []

  /** Throws when a name is declared twice, or a need is not declared above the service that has it. */
  constructor(options: ServicesOptions<Parts>) {
    super()
    this.#options = options
    this.parts = { ...options.given }
    const declared = new Set<string>(Object.keys(options.given))
    for (const { name, needs } of options.services) {
      if (declared.has(name)) throw new Error(`the service '${name}' is declared twice`)
      for (const need of needs)
        if (!declared.has(need)) throw new Error(`'${name}' needs '${need}', which is not declared before it`)
      declared.add(name)
    }
  }

  /** Names of the open services, in opening order. */
  get names(): string[] {
    return this.#open.map(({ name }) => name)
  }

  protected override async _open(): Promise<void> {
    try {
      for (const service of this.#options.services) {
        if (this.closing) throw new BushelError('CLOSED', 'it was closed before it was open')
        await this.#start(service)
      }
    } catch (error) {
      for (const failure of await this.#stop()) this.#options.onfault(failure)
      throw error
    }
  }

  protected override async _close(): Promise<void> {
    const [first, ...others] = await this.#stop()
    for (const failure of others) this.#options.onfault(failure)
    if (first) throw first.cause instanceof BushelError ? first.cause : first
  }

  async #start({ name, needs, open }: Service<Parts>): Promise<void> {
    const scope = new Scope()
    this.#open.push({ name, scope })
    const needed = Object.fromEntries(needs.map(need => [need, this.parts[need]]))
    try {
      this.parts[name] = (await open(needed as Parts, scope)) as Parts[typeof name]
    } catch (error) {
      throw error instanceof BushelError ? error : new ServiceFailure(name, 'open', error)
    }
  }

  /** Closes the open services, the newest first; a failure does not keep the others from closing. */
  async #stop(): Promise<ServiceFailure[]> {
    const failures: ServiceFailure[] = []
    for (let last = this.#open.at(-1); last; last = this.#open.at(-1)) {
      try {
        await last.scope.close()
      } catch (error) {
        failures.push(new ServiceFailure(last.name, 'close', error))
      }
      this.#open.pop()
    }
    return failures
  }
}
