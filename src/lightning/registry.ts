import * as builtIn from './backends/index.js'
import type { WalletBackend } from './backend.js'

const known = new Map<string, WalletBackend>()

/** Registers a kind of wallet. Throws TypeError when its id is taken. */
export function registerBackend(backend: WalletBackend): void {
  if (known.has(backend.id)) throw new TypeError(`a wallet with the id '${backend.id}' is registered already`)
  known.set(backend.id, backend)
}

for (const backend of Object.values<WalletBackend>(builtIn)) registerBackend(backend)

/** All registered kinds of wallet, sorted by id. */
export function walletBackends(): WalletBackend[] {
  return [...known.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

export function findBackend(id: string): WalletBackend | null {
  return known.get(id) ?? null
}

/** The embedded kind of wallet, which a new home starts with. */
export function firstBackend(): WalletBackend & Required<Pick<WalletBackend, 'embedded'>> {
  for (const backend of known.values()) {
    const { embedded } = backend
    if (embedded) return { ...backend, embedded }
  }
  throw new TypeError('there is no embedded wallet')
}
