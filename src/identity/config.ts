import { constants, open } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../contracts/keys/key.js'
import { LEVELS, isLevel } from '../base/logger.js'
import type { Level } from '../base/logger.js'
import { isNodeId } from '../../contracts/keys/node-id.js'

const VERSION = 1
const MAX_FILE_BYTES = 64 * 1024

/** The wallet that a home was connected to. Only its backend knows what the settings mean. */
export interface WalletChoice {
  /** Id of the wallet's backend. */
  backend: string
  settings: Readonly<Record<string, string>>
  /** The Lightning node that answered when it was connected; null for an embedded wallet. */
  node: { id: Buffer; network: string } | null
  /** When the owner consented to real money, ms since 1970; null when no consent was needed. */
  consented: number | null
}

/** Where the log goes, and how much is said; what is absent is as it is by default. */
export interface LogChoice {
  level?: Level
  /** Absolute. */
  file?: string
}

/** The content of `config.json`; none of it is secret. */
export interface Config {
  /** ms since 1970. */
  created: number
  /** Key of the market in use; null until one is chosen. */
  market: Buffer | null
  /** The connected wallet; null for the default one, play money. */
  wallet: WalletChoice | null
  log: LogChoice
  /** Whether this node, as a relay of a market, forwards for members that cannot reach each other. */
  forwards: boolean
}

/** The text of `config.json`. */
export function formatConfig({ created, market, wallet, log, forwards }: Config): string {
  const plain = {
    version: VERSION,
    created,
    ...(market ? { market: formatKey(market) } : {}),
    ...(wallet ? { wallet: plainWallet(wallet) } : {}),
    ...(log.level || log.file ? { log } : {}),
    ...(forwards ? {} : { forwards })
  }
  return JSON.stringify(plain, null, 2) + '\n'
}

/** Parses `config.json`. Throws BAD_CONFIG, which names the file, for everything that `formatConfig` does not write. */
export function parseConfig(text: string, file: string): Config {
  let plain: unknown
  try {
    plain = JSON.parse(text)
  } catch (error) {
    throw badFile(file, 'it is not JSON').withCause(error)
  }
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
    throw badFile(file, 'it is not a JSON object')
  }
  const { version, created, market, wallet, log, forwards = true } = plain as Record<string, unknown>
  if (version !== VERSION) {
    throw badFile(file, `its version is ${JSON.stringify(version) ?? 'missing'}, not ${VERSION}`)
  }
  if (typeof created !== 'number' || !Number.isSafeInteger(created) || created < 0) {
    throw badFile(file, "'created' must be a time in ms since 1970")
  }
  if (typeof forwards !== 'boolean') throw badFile(file, "'forwards' must be true or false")
  return {
    created,
    forwards,
    market: marketOf(market, file),
    wallet: walletOf(wallet, file),
    log: logOf(log, file)
  }
}

function plainWallet({ node, ...choice }: WalletChoice): object {
  return { ...choice, ...(node ? { nodeId: node.id.toString('hex'), network: node.network } : {}) }
}

/** Checks the types only. Whether the backend exists and accepts the settings is checked when the wallet is opened. */
function walletOf(value: unknown, file: string): WalletChoice | null {
  if (value === undefined) return null
  const { backend, settings, nodeId, network, consented } = (value ?? {}) as Record<string, unknown>
  if (typeof backend !== 'string' || !/^[a-z][a-z0-9-]{0,31}$/.test(backend))
    throw badFile(file, "'backend' of 'wallet' must be the name of a wallet backend")
  if (!isSettings(settings)) throw badFile(file, "'settings' of 'wallet' must be an object of strings")
  if (consented !== null && !Number.isSafeInteger(consented))
    throw badFile(file, "'consented' of 'wallet' must be a time in ms since 1970, or null")
  return { backend, settings, node: nodeOf(nodeId, network, file), consented: consented as number | null }
}

function isSettings(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every(setting => typeof setting === 'string')
}

function nodeOf(nodeId: unknown, network: unknown, file: string): WalletChoice['node'] {
  if (nodeId === undefined && network === undefined) return null
  const id = typeof nodeId === 'string' && /^[0-9a-f]{66}$/.test(nodeId) ? Buffer.from(nodeId, 'hex') : null
  if (!isNodeId(id) || typeof network !== 'string')
    throw badFile(file, "'wallet' must have a valid 'nodeId' and a 'network'")
  return { id, network }
}

function logOf(value: unknown, file: string): LogChoice {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badFile(file, "'log' is not an object")
  const { level, file: path, ...others } = value as Record<string, unknown>
  const [other] = Object.keys(others)
  if (other !== undefined) throw badFile(file, `'log' has a setting ${JSON.stringify(other)} that is unknown`)
  if (level !== undefined && !isLevel(level))
    throw badFile(file, `'log.level' is not one of ${LEVELS.join(', ')}`)
  if (path !== undefined && (typeof path !== 'string' || !isAbsolute(path) || path.includes('\0')))
    throw badFile(file, "'log.file' is not an absolute path")
  return { ...(level ? { level } : {}), ...(path ? { file: path } : {}) }
}

function marketOf(value: unknown, file: string): Buffer | null {
  if (value === undefined) return null
  if (typeof value !== 'string') throw badFile(file, "'market' must be the key of a market")
  try {
    return parseKey(value, 'market key')
  } catch (error) {
    throw badFile(file, "'market' must be the key of a market").withCause(error)
  }
}

/** Reads a file of a home. Throws BAD_CONFIG when it is missing, unreadable or larger than 64 KiB. */
export async function readHomeFile(file: string): Promise<Buffer> {
  try {
    // Without O_NONBLOCK the opening of a pipe waits for a writer.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stat = await handle.stat()
      if (!stat.isFile()) throw badFile(file, 'it is not a plain file')
      const { size } = stat
      if (size > MAX_FILE_BYTES) throw badFile(file, `it has ${size} bytes, more than ${MAX_FILE_BYTES}`)
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

/** The BAD_CONFIG error for a file of a home. */
export function badFile(file: string, why: string): BushelError {
  return new BushelError(
    'BAD_CONFIG',
    `${file} cannot be used: ${why}; nothing was changed`,
    'restore the file from a backup, or create another home from your 24 words: bushel init --words -'
  )
}
