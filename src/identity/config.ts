import { open } from 'node:fs/promises'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../contracts/keys/key.js'
import { isNodeId } from '../../contracts/keys/node-id.js'

const VERSION = 1
const MAX_FILE_BYTES = 64 * 1024

/** The wallet that a home was connected to, as it was then. What the settings mean is known to its backend alone. */
export interface WalletChoice {
  /** Id of the kind of wallet. */
  backend: string
  settings: Readonly<Record<string, string>>
  /** The Lightning node that answered; null for a wallet that is part of the home. */
  node: { id: Buffer; network: string } | null
  /** When its owner agreed to deal with real money, ms since 1970; null where that was not needed. */
  consented: number | null
}

/** What `config.json` says; nothing in it is secret. */
export interface Config {
  /** ms since 1970. */
  created: number
  /** The market in use, when one was chosen. */
  market: Buffer | null
  /** The wallet that was connected; null while it is the one that every home begins with. */
  wallet: WalletChoice | null
}

export function formatConfig({ created, market, wallet }: Config): string {
  const plain = {
    version: VERSION,
    created,
    ...(market ? { market: formatKey(market) } : {}),
    ...(wallet ? { wallet: plainWallet(wallet) } : {})
  }
  return JSON.stringify(plain, null, 2) + '\n'
}

/** Throws BAD_CONFIG, naming the file, for anything but what `formatConfig` writes. */
export function parseConfig(text: string, file: string): Config {
  let plain: unknown
  try {
    plain = JSON.parse(text)
  } catch (error) {
    throw badFile(file, 'it is not JSON').withCause(error)
  }
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
    throw badFile(file, 'it is not an object')
  }
  const { version, created, market, wallet } = plain as Record<string, unknown>
  if (version !== VERSION) {
    throw badFile(file, `its version is ${JSON.stringify(version) ?? 'missing'}, not ${VERSION}`)
  }
  if (typeof created !== 'number' || !Number.isSafeInteger(created) || created < 0) {
    throw badFile(file, "'created' is not a time")
  }
  return {
    created,
    market: marketOf(market, file),
    wallet: walletOf(wallet, file)
  }
}

function plainWallet({ node, ...choice }: WalletChoice): object {
  return { ...choice, ...(node ? { nodeId: node.id.toString('hex'), network: node.network } : {}) }
}

/** The shape alone: whether there is such a wallet, and what its settings must be, is found out when it is used. */
function walletOf(value: unknown, file: string): WalletChoice | null {
  if (value === undefined) return null
  const { backend, settings, nodeId, network, consented } = (value ?? {}) as Record<string, unknown>
  if (typeof backend !== 'string' || !/^[a-z][a-z0-9-]{0,31}$/.test(backend))
    throw badFile(file, "'wallet' names no kind of wallet")
  if (!isSettings(settings)) throw badFile(file, "the settings of 'wallet' are none")
  if (consented !== null && !Number.isSafeInteger(consented))
    throw badFile(file, "'consented' of 'wallet' is not a time")
  return { backend, settings, node: nodeOf(nodeId, network, file), consented: consented as number | null }
}

function isSettings(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every(setting => typeof setting === 'string')
}

function nodeOf(nodeId: unknown, network: unknown, file: string): WalletChoice['node'] {
  if (nodeId === undefined && network === undefined) return null
  const id = typeof nodeId === 'string' && /^[0-9a-f]{66}$/.test(nodeId) ? Buffer.from(nodeId, 'hex') : null
  if (!isNodeId(id) || typeof network !== 'string') throw badFile(file, "'wallet' names no Lightning node")
  return { id, network }
}

function marketOf(value: unknown, file: string): Buffer | null {
  if (value === undefined) return null
  if (typeof value !== 'string') throw badFile(file, "'market' is not a key")
  try {
    return parseKey(value, 'market key')
  } catch (error) {
    throw badFile(file, "'market' is not a key").withCause(error)
  }
}

/** The bytes of a file of a home; a missing, unreadable or oversized one is BAD_CONFIG. */
export async function readHomeFile(file: string): Promise<Buffer> {
  try {
    const handle = await open(file, 'r')
    try {
      const { size } = await handle.stat()
      if (size > MAX_FILE_BYTES) throw badFile(file, `it has ${size} bytes`)
      return await handle.readFile()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof BushelError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw badFile(file, code === 'ENOENT' ? 'it is missing' : message).withCause(error)
  }
}

export function badFile(file: string, why: string): BushelError {
  return new BushelError(
    'BAD_CONFIG',
    `${file} cannot be used: ${why}; nothing was changed`,
    'put the file back from a copy, or make a new home with `bushel init --words -` and your 24 words'
  )
}
