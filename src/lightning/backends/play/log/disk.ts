import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { BushelError } from '../../../../../contracts/errors/error.js'
import { replaceDurably, replaceDurablySync, syncFolderSync } from '../../../../base/disk/atomic-file.js'
import type { Liquidity } from '../../../liquidity.js'
import type { Balance } from '../../../wallet.js'
import { CommitLog, DamagedLogError } from './log.js'
import { PLAY_NETWORK } from '../network.js'
import { GRANT_KEY, encodeGrant } from './records.js'
import { newChannelMsat } from '../sizing.js'

const SEED_BYTES = 32
/** Peers in the file of the balance, those first to which most can be sent. */
const MAX_PEERS = 200

function paths(dir: string): { seed: string; state: string; balance: string; lock: string } {
  const at = (name: string): string => path.join(dir, name)
  return { seed: at('seed'), state: at('state'), balance: at('balance.json'), lock: at('lock') }
}

/**
 * Creates folder, seed, and a state with the whole grant, as far as they are missing. The state comes last, so that an
 * interrupted creation is completed with the existing seed.
 */
export function createWalletDir(dir: string, grantMsat: bigint): void {
  const { seed, state } = paths(dir)
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
  if (fs.existsSync(state)) return
  if (!fs.existsSync(seed)) replaceDurablySync(seed, randomBytes(SEED_BYTES))
  const newMsat = newChannelMsat(grantMsat)
  const balance = {
    ...{ network: PLAY_NETWORK, spendableMsat: grantMsat, receivableMsat: 0n },
    ...{ largestMsat: newMsat, newChannelMsat: newMsat, peers: [] }
  }
  replaceDurablySync(paths(dir).balance, Buffer.from(balanceText(balance)))
  const first = `${state}.first`
  const log = new CommitLog(first)
  log.commit(new Map([[GRANT_KEY, encodeGrant(grantMsat)]]))
  log.close()
  fs.renameSync(first, state)
  syncFolderSync(dir)
}

export function openState(dir: string): { seed: Buffer; log: CommitLog } {
  const { seed, state } = paths(dir)
  if (!fs.existsSync(seed)) throw corrupt(seed)
  const bytes = fs.readFileSync(seed)
  if (bytes.length !== SEED_BYTES) throw corrupt(seed)
  try {
    return { seed: bytes, log: new CommitLog(state) }
  } catch (error) {
    if (error instanceof DamagedLogError) throw corrupt(state)
    throw error
  }
}

export function lockFile(dir: string): string {
  return paths(dir).lock
}

/** Writes the balance for readers outside the process; the wallet itself never reads it. */
export function writeBalance(dir: string, text: string): Promise<void> {
  return replaceDurably(paths(dir).balance, Buffer.from(text))
}

/** A file from before it told where the balance lies has the balance alone. */
export type Snapshot = Balance & Partial<Liquidity>

export function balanceText({
  peers = [],
  largestMsat = 0n,
  newChannelMsat = 0n,
  ...balance
}: Snapshot): string {
  return JSON.stringify({
    network: balance.network,
    spendableMsat: String(balance.spendableMsat),
    receivableMsat: String(balance.receivableMsat),
    largestMsat: String(largestMsat),
    newChannelMsat: String(newChannelMsat),
    peers: peers.slice(0, MAX_PEERS).map(({ peer, channels, spendableMsat, receivableMsat }) => ({
      peer: peer.toString('hex'),
      channels,
      spendableMsat: String(spendableMsat),
      receivableMsat: String(receivableMsat)
    }))
  })
}

export async function readBalance(dir: string): Promise<Balance | null> {
  const snapshot = await readSnapshot(dir)
  if (!snapshot) return null
  const { network, spendableMsat, receivableMsat } = snapshot
  return { network, spendableMsat, receivableMsat }
}

export async function readSnapshot(dir: string): Promise<Snapshot | null> {
  const file = paths(dir).balance
  let text: string
  try {
    text = await fs.promises.readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    const values = JSON.parse(text) as Record<string, unknown>
    if (values['network'] !== PLAY_NETWORK) throw corrupt(file)
    return {
      network: PLAY_NETWORK,
      spendableMsat: amount(values['spendableMsat']),
      receivableMsat: amount(values['receivableMsat']),
      ...(Array.isArray(values['peers']) ? liquidityIn(values, values['peers']) : {})
    }
  } catch {
    throw corrupt(file)
  }
}

/** No peer is connected while no node runs. */
function liquidityIn(values: Record<string, unknown>, peers: readonly unknown[]): Liquidity {
  return {
    largestMsat: amount(values['largestMsat']),
    newChannelMsat: amount(values['newChannelMsat']),
    peers: peers.map(entry => {
      const { peer, channels, ...amounts } = entry as Record<string, unknown>
      return {
        peer: Buffer.from(String(peer), 'hex'),
        usable: false,
        channels: Number(channels),
        spendableMsat: amount(amounts['spendableMsat']),
        receivableMsat: amount(amounts['receivableMsat'])
      }
    })
  }
}

function amount(value: unknown): bigint {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) throw new TypeError('not an amount')
  return BigInt(value)
}

function corrupt(file: string): BushelError {
  return new BushelError(
    'WALLET_CORRUPT',
    `the wallet cannot be read: ${file} is damaged or missing; nothing was changed`,
    'restore the whole wallet folder from a copy, or move it away to start with a new wallet'
  )
}
