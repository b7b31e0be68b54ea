import { join } from 'node:path'
import { formatKey } from '../../contracts/keys/key.js'
import type { WalletChoice } from '../identity/config.js'
import { RunRecords, viewOf } from '../compute/buyer/run/run-records.js'
import type { Store } from '../store/store.js'
import { readingStore } from './home-store.js'
import { Ledger } from '../payment/ledger.js'
import { occupiedBytes } from '../files/disk.js'
import { Books } from '../book/books.js'
import type { KeyPair } from 'hypercore-crypto'
import type { LeaseEntry, MarketEntry, Result, StatusResult, WalletResult } from './api/api.js'
import type { JobEntry } from './api/compute-api.js'
import { jobEntry } from './api/compute/job-view.js'
import { ledgerOf, networkOf, readBalance } from './backend.js'
import { walletResult } from './api/wallet.js'
import { readLending } from '../compute/provider/settings.js'
import { marketEntries } from './api/markets.js'
import { leaseEntries } from './api/leases.js'
import { countsOf } from './api/status.js'

/** The home and its files for calls without a node. */
export interface OfflineHome {
  readonly dir: string
  readonly identity: Buffer
  readonly device: KeyPair
  readonly market: Buffer | null
  readonly wallet: WalletChoice | null
}

async function readLeases(home: OfflineHome): Promise<{ leases: LeaseEntry[] }> {
  const wallet = ledgerOf(home.wallet)
  return readingStore(home.dir, store => ({ leases: leaseEntries(store, new Ledger(store, wallet)) }))
}

async function readJobs(home: OfflineHome): Promise<{ jobs: JobEntry[] }> {
  return readingStore(home.dir, store => ({
    jobs: new RunRecords(store).list().map(record => jobEntry(viewOf(record)))
  }))
}

async function readWallet(home: OfflineHome): Promise<WalletResult> {
  return walletResult(home.wallet, await readBalance(home.dir, home.wallet))
}

async function readStatus(home: OfflineHome): Promise<StatusResult> {
  const { leases, reservedBytes, paused, bought } = await readingStore(home.dir, store => ({
    ...countsOf(store),
    paused: readLending(store).paused === true,
    bought: boughtOf(store)
  }))
  const usedBytes = await occupiedBytes(join(home.dir, 'shelf'))
  return {
    identity: formatKey(home.identity),
    device: formatKey(home.device.publicKey),
    pid: null,
    network: networkOf(home.wallet),
    wallet: null,
    market: home.market && formatKey(home.market),
    peers: 0,
    shelf: { usedBytes, reservedBytes, spaceBytes: 0, egressBytes: 0 },
    leases,
    compute: { running: 0, queued: 0, paused, bought },
    notes: ['no node is running on this home (bushel up)']
  }
}

function boughtOf(store: Store): number {
  return [...new RunRecords(store).open()].length
}

/** Must not be called while a node runs on the home: the books' store allows one process. */
async function readMarkets(home: OfflineHome): Promise<{ markets: MarketEntry[] }> {
  const books = new Books({ dir: join(home.dir, 'book'), device: home.device })
  try {
    await books.ready()
    return { markets: marketEntries(books, home.market) }
  } finally {
    await books.close()
  }
}

export type OfflineMethod = 'wallet' | 'leases' | 'jobs' | 'status' | 'market.list'

const READERS: { [M in OfflineMethod]: (home: OfflineHome) => Promise<Result<M>> } = {
  wallet: readWallet,
  leases: readLeases,
  jobs: readJobs,
  status: readStatus,
  'market.list': readMarkets
}

/** Answers a call from a home's disk, without a node. */
export function readOffline<M extends OfflineMethod>(home: OfflineHome, method: M): Promise<Result<M>> {
  return READERS[method](home)
}
