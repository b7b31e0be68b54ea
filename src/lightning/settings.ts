import { isAbsolute } from 'node:path'

/**
 * One setting of a wallet: a text in `config.json`, and an option of `bushel wallet connect`, where `tlsCert` is
 * `--tls-cert`.
 */
export interface Setting<Required extends boolean = boolean> {
  /** The command line makes a `path` absolute. */
  readonly kind: 'path' | 'text' | 'url'
  readonly required: Required
  readonly help: string
  /** Example value for the hint when it is missing. */
  readonly example: string
  /** What is wrong with a value, such as "is not an absolute path"; null when it is valid. */
  check(value: string): string | null
}

export type SettingsSchema = Readonly<Record<string, Setting>>

/** The values of a schema's settings; an optional one may be missing. */
export type SettingsOf<S extends SettingsSchema> = {
  readonly [Name in keyof S as S[Name]['required'] extends true ? Name : never]: string
} & { readonly [Name in keyof S as S[Name]['required'] extends true ? never : Name]?: string }

interface Description<Required extends boolean> {
  required: Required
  help: string
  example: string
}

/** A file, folder or socket on this machine. */
export function path<R extends boolean>(description: Description<R>): Setting<R> {
  return {
    ...description,
    kind: 'path',
    check: value => (isAbsolute(value) ? null : 'is not an absolute path')
  }
}

/** One line of text; `check` returns what is wrong with a value, or null. */
export function text<R extends boolean>(
  description: Description<R> & { check?: (value: string) => string | null }
): Setting<R> {
  const check = (value: string): string | null =>
    /^[^\p{C}]+$/u.test(value) ? (description.check?.(value) ?? null) : 'is not one line of text'
  return { ...description, kind: 'text', check }
}

/** A URL with one of these protocols, such as `https:`. */
export function url<R extends boolean>(
  description: Description<R> & { protocols: readonly string[] }
): Setting<R> {
  const check = (value: string): string | null => {
    if (URL.canParse(value) && description.protocols.includes(new URL(value).protocol)) return null
    return `is not a URL that begins with ${description.protocols.join(' or ')}`
  }
  return { ...description, kind: 'url', check }
}

export interface SettingFault {
  name: string
  /** `missing`: required and not given. `unknown`: not in the schema. `bad`: the value is invalid, see `why`. */
  fault: 'missing' | 'unknown' | 'bad'
  why: string
}

/** The first fault of the values against a schema, or null. */
export function faultIn(
  schema: SettingsSchema,
  values: Readonly<Record<string, string>>
): SettingFault | null {
  for (const name of Object.keys(values))
    if (!Object.hasOwn(schema, name))
      return { name, fault: 'unknown', why: 'is not a setting of this wallet' }
  for (const [name, setting] of Object.entries(schema)) {
    const value = values[name]
    if (value === undefined) {
      if (setting.required) return { name, fault: 'missing', why: 'is missing' }
      continue
    }
    const why = setting.check(value)
    if (why !== null) return { name, fault: 'bad', why }
  }
  return null
}
