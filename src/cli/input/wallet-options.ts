import { walletBackends } from '../../lightning/registry.js'

/** An option for each setting of each wallet backend; a setting that several backends have is one option. */
export function walletOptions(): Record<string, string> {
  const options = new Map<string, Set<string>>()
  for (const [name, { kind, help }] of walletBackends().flatMap(({ settings }) => Object.entries(settings))) {
    const flags = `${flagOf(name)} <${kind}>`
    options.set(flags, (options.get(flags) ?? new Set()).add(help))
  }
  return Object.fromEntries([...options].map(([flags, help]) => [flags, [...help].join('; ')]))
}

/** An example of `wallet connect`, for the first backend that is not embedded. */
export function connectExample(): string {
  const { id, settings } = walletBackends().find(({ embedded }) => !embedded)!
  const needed = Object.entries(settings).filter(([, { required }]) => required)
  return ['wallet connect', id, ...needed.map(([name, { example }]) => `${flagOf(name)} ${example}`)].join(
    ' '
  )
}

/** The option of a setting: `--tls-cert` for `tlsCert`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}
