import { open } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../contracts/keys/key.js'
import { MAX_MSAT } from '../../contracts/money/money.js'
import { isNodeId } from '../../contracts/keys/node-id.js'

const VERSION = 1
const MAX_FILE_BYTES = 64 * 1024

/** The wallet that a home deals with: the embedded one, or a Core Lightning node as it was when it was connected. */
export type WalletChoice =
  | { backend: 'play' }
  | {
      backend: 'cln'
      /** Path of lightningd's socket. */
      socket: string
      /** 33 bytes. */
      nodeId: Buffer
      network: string
      /** When its owner agreed to deal with real money, ms since 1970; null where the network has none. */
      consented: number | null
    }

export const CLN_NETWORKS = ['bitcoin', 'testnet', 'signet', 'regtest']

/** What `config.json` says; nothing in it is secret. */
export interface Config {
  /** ms since 1970. */
  created: number
  /** What the play wallet was started with, msat. */
  playGrantMsat: bigint
  /** The market in use, when one was chosen. */
  market: Buffer | null
  wallet: WalletChoice
}

export function formatConfig({ created, playGrantMsat, market, wallet }: Config): string {
  const plain = {
    version: VERSION,
    created,
    playGrantMsat: playGrantMsat.toString(),
    ...(market ? { market: formatKey(market) } : {}),
    ...(wallet.backend === 'cln' ? { wallet: { ...wallet, nodeId: wallet.nodeId.toString('hex') } } : {})
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
  const { version, created, playGrantMsat, market, wallet } = plain as Record<string, unknown>
  if (version !== VERSION) {
    throw badFile(file, `its version is ${JSON.stringify(version) ?? 'missing'}, not ${VERSION}`)
  }
  if (typeof created !== 'number' || !Number.isSafeInteger(created) || created < 0) {
    throw badFile(file, "'created' is not a time")
  }
  if (typeof playGrantMsat !== 'string' || !/^\d{1,20}$/.test(playGrantMsat)) {
    throw badFile(file, "'playGrantMsat' is not an amount")
  }
  if (BigInt(playGrantMsat) > MAX_MSAT) throw badFile(file, "'playGrantMsat' is more than there is")
  return {
    created,
    playGrantMsat: BigInt(playGrantMsat),
    market: marketOf(market, file),
    wallet: walletOf(wallet, file)
  }
}

function walletOf(value: unknown, file: string): WalletChoice {
  if (value === undefined) return { backend: 'play' }
  const { backend, socket, nodeId, network, consented } = (value ?? {}) as Record<string, unknown>
  const known =
    backend === 'cln' &&
    typeof socket === 'string' &&
    isAbsolute(socket) &&
    typeof nodeId === 'string' &&
    /^[0-9a-f]{66}$/.test(nodeId) &&
    isNodeId(Buffer.from(nodeId, 'hex')) &&
    typeof network === 'string' &&
    CLN_NETWORKS.includes(network) &&
    (consented === null || Number.isSafeInteger(consented))
  if (!known) throw badFile(file, "'wallet' is none")
  return {
    backend,
    socket,
    nodeId: Buffer.from(nodeId, 'hex'),
    network,
    consented: consented as number | null
  }
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
