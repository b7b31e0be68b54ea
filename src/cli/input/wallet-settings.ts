import { BushelError } from '../../../contracts/errors/error.js'
import type { WalletBackend } from '../../lightning/backend.js'
import { walletBackends } from '../../lightning/registry.js'
import { faultIn } from '../../lightning/settings.js'
import { text } from '../invocation.js'
import type { OptionValues } from '../invocation.js'
import { absolutePath } from './arguments.js'
import { flagOf } from './wallet-options.js'

/** The settings of a wallet backend that were given as options. Throws BAD_INPUT, which names the option. */
export function typedSettings(
  { id, settings: schema }: WalletBackend,
  options: OptionValues
): Record<string, string> {
  const settings: Record<string, string> = {}
  for (const name of new Set(walletBackends().flatMap(({ settings: known }) => Object.keys(known)))) {
    const value = text(options, name)
    if (value !== undefined) settings[name] = schema[name]?.kind === 'path' ? absolutePath(value) : value
  }
  const found = faultIn(schema, settings)
  if (!found) return settings
  const { name, fault, why } = found
  const hint =
    fault === 'unknown'
      ? 'see its options with: bushel wallet connect --help'
      : `give ${flagOf(name)}, such as ${schema[name]!.example}`
  throw new BushelError(
    'BAD_INPUT',
    `bushel wallet connect ${id}: ${flagOf(name)} ${why}; nothing was changed`,
    hint
  )
}
