import * as builtIn from './backends/index.js'
import type { WalletBackend } from './backend.js'

const known = new Map<string, WalletBackend>()

/** Makes a kind of wallet known. Throws when there is one of that id. */
export function registerBackend(backend: WalletBackend): void {
  if (known.has(backend.id)) throw new TypeError(`there is a wallet '${backend.id}' already`)
  known.set(backend.id, backend)
}

for (const backend of Object.values<WalletBackend>(builtIn)) registerBackend(backend)

/** All kinds of wallet, by id. */
export function walletBackends(): WalletBackend[] {
  return [...known.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

export function findBackend(id: string): WalletBackend | null {
  return known.get(id) ?? null
}

/** The kind of wallet that a home begins with. */
export function firstBackend(): WalletBackend & Required<Pick<WalletBackend, 'embedded'>> {
  for (const backend of known.values()) {
    const { embedded } = backend
    if (embedded) return { ...backend, embedded }
  }
  throw new TypeError('there is no embedded wallet')
}
