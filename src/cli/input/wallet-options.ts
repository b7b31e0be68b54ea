import type { Command } from 'commander'
import { walletBackends } from '../../lightning/registry.js'

/** Adds an option for each setting of each wallet backend; a setting that several backends have is one option. */
export function addWalletOptions(command: Command): void {
  const options = new Map<string, { kind: string; help: Set<string> }>()
  for (const [name, { kind, help }] of walletBackends().flatMap(({ settings }) => Object.entries(settings))) {
    const option = options.get(name) ?? { kind, help: new Set<string>() }
    options.set(name, option)
    option.help.add(help)
  }
  for (const [name, { kind, help }] of options)
    command.option(`${flagOf(name)} <${kind}>`, [...help].join('; '))
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
