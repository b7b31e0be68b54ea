import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import { attests, authorOf } from '../../contracts/keys/attestation.js'
import { BushelError } from '../../contracts/errors/error.js'
import { badFile, formatConfig, parseConfig, readHomeFile } from './config.js'
import type { Config, LogChoice, WalletChoice } from './config.js'
import { removeUnfinished, replaceDurably, syncFolder, writeDurably } from '../base/disk/atomic-file.js'
import { DEVICE_KEY, DEVICE_KEY_TEXT } from './home-folder.js'
import { HomeLock } from './lock.js'
import type { Holder } from './lock.js'
import { demandPrivate } from './private-folder.js'
import { identityFrom, newWords } from './words.js'

const CONFIG = 'config.json'
const ATTESTATION = 'attestation'
const SEED_BYTES = 32

export interface CreateOptions {
  /** The 24 words of the identity to recover; without them a new identity is created. */
  words?: string
  /** Adds files to the home before it appears at its path. */
  prepare?: (home: Home) => Promise<void>
}

/**
 * The folder of a node, readable by its owner only: device key, attestation, settings, and the folders of the other
 * parts of the node. The 24 words are not in it: they attest the device once and are not stored.
 */
export class Home {
  readonly dir: string
  readonly identity: Buffer
  /** Key pair of the device, for signatures and for Noise. */
  readonly device: KeyPair
  /** The identity's attestation of the device. */
  readonly proof: Buffer
  #config: Config

  private constructor(
    dir: string,
    parts: { device: KeyPair; identity: Buffer; proof: Buffer; config: Config }
  ) {
    this.dir = dir
    this.device = parts.device
    this.identity = parts.identity
    this.proof = parts.proof
    this.#config = parts.config
  }

  /**
   * Creates a home atomically: a killed process leaves either the whole home or nothing except a folder `DIR.new-*`.
   * `words` are the words of the new identity, to be shown once; null when they were given in `options`. Throws
   * HOME_EXISTS, BAD_WORDS, BAD_HOME.
   */
  static async create(
    dir: string,
    options: CreateOptions = {}
  ): Promise<{ home: Home; words: string | null }> {
    const target = await vacant(dir)
    const words = options.words ?? newWords()
    const device = crypto.keyPair(randomBytes(SEED_BYTES))
    const key = await identityFrom(words)
    const identity = Buffer.from(key.identityPublicKey)
    const proof = Buffer.from(await key.bootstrap(device.publicKey))
    key.clear()
    const config: Config = { created: Date.now(), market: null, wallet: null, log: {}, forwards: true }
    const parts = { device, identity, proof, config }
    const draft = await openingFolder(dir, () => draftFor(target))
    try {
      // The first half of the secret key is the seed of the key pair.
      await writeDurably(
        join(draft, DEVICE_KEY),
        device.secretKey.subarray(0, SEED_BYTES).toString('hex') + '\n'
      )
      await writeDurably(join(draft, ATTESTATION), proof)
      await writeDurably(join(draft, CONFIG), formatConfig(config))
      await options.prepare?.(new Home(draft, parts))
      await syncFolder(draft)
      await moveInto(draft, target)
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
    await syncFolder(dirname(target))
    return {
      home: new Home(await realpath(target), parts),
      words: options.words === undefined ? words : null
    }
  }

  /** Checks whether `create` would accept the path, and throws the same errors; changes nothing. */
  static async check(dir: string): Promise<void> {
    await vacant(dir)
  }

  /**
   * Opens a home, to read it or to run a node on it. Throws NO_HOME when the path has no home, UNSAFE_FOLDER when others can
   * open it, BAD_CONFIG, which names the file, when a file is damaged.
   */
  static async open(dir: string): Promise<Home> {
    const at = await openingFolder(dir, async () => ((await exists(dir)) ? await realpath(dir) : null))
    if (!at || !(await openingFolder(dir, () => isHome(at)))) throw noHome(dir)
    await demandPrivate(at)
    const file = (name: string): string => join(at, name)
    const config = parseConfig((await readHomeFile(file(CONFIG))).toString('utf8'), file(CONFIG))
    const device = parseDevice((await readHomeFile(file(DEVICE_KEY))).toString('utf8'), file(DEVICE_KEY))
    const proof = await readHomeFile(file(ATTESTATION))
    const author = authorOf(proof)
    if (!author) throw badFile(file(ATTESTATION), 'it is not a valid attestation')
    if (!attests(proof, null, { identity: author.identity, device: device.publicKey })) {
      throw badFile(file(ATTESTATION), 'it attests another device')
    }
    return new Home(at, { device, identity: Buffer.from(author.identity), proof, config })
  }

  /** ms since 1970. */
  get created(): number {
    return this.#config.created
  }

  /** Key of the market in use; null until one is chosen. */
  get market(): Buffer | null {
    return this.#config.market
  }

  /** The connected wallet; null for the default one, play money. */
  get wallet(): WalletChoice | null {
    return this.#config.wallet
  }

  get log(): LogChoice {
    return this.#config.log
  }

  /** Whether this node, as a relay of a market, forwards for members that cannot reach each other. */
  get forwards(): boolean {
    return this.#config.forwards
  }

  /** Chooses the market in use; it is on disk when this resolves. Settings that another process wrote are kept. */
  useMarket(market: Buffer | null): Promise<void> {
    return this.#change({ market })
  }

  /** Chooses the wallet of this home; it is on disk when this resolves. */
  connectWallet(wallet: WalletChoice): Promise<void> {
    return this.#change({ wallet })
  }

  async #change(changes: Partial<Config>): Promise<void> {
    const file = join(this.dir, CONFIG)
    const current = parseConfig((await readHomeFile(file)).toString('utf8'), file)
    const next = { ...current, ...changes }
    await replaceDurably(file, formatConfig(next))
    this.#config = next
  }

  /** Locks the home for one process. Throws ALREADY_RUNNING while another process has the lock. */
  async lock(holder: Holder): Promise<HomeLock> {
    await removeUnfinished(this.dir)
    return await HomeLock.take(this.#lockFile, holder)
  }

  /** The process that has the lock now, or null. */
  holder(): Holder | null {
    return HomeLock.holder(this.#lockFile)
  }

  get #lockFile(): string {
    return join(this.dir, 'node.lock')
  }

  /** Folders of the other parts of the node, which create them themselves. */
  get book(): string {
    return join(this.dir, 'book')
  }

  get shelf(): string {
    return join(this.dir, 'shelf')
  }

  get drives(): string {
    return join(this.dir, 'drives')
  }

  get restore(): string {
    return join(this.dir, 'restore')
  }
}

/** Parses a key file: the 32-byte seed of the device's key pair, in hex. */
function parseDevice(text: string, file: string): KeyPair {
  const hex = text.trim()
  if (!DEVICE_KEY_TEXT.test(hex)) throw badFile(file, 'it is not a device key (64 hex digits)')
  return crypto.keyPair(Buffer.from(hex, 'hex'))
}

/** The real path for a new home. Throws HOME_EXISTS unless the path is free or an empty folder. */
async function vacant(dir: string): Promise<string> {
  return await openingFolder(dir, async () => {
    if (!(await exists(dir))) return resolve(dir)
    const at = await realpath(dir)
    if (!(await stat(at)).isDirectory()) throw homeExists(`${dir} is a file`)
    if (await isHome(at)) throw homeExists(`${dir} is already a home`)
    if ((await readdir(at)).length > 0) throw homeExists(`${dir} is a folder that is not empty`)
    return at
  })
}

/**
 * A folder for a draft of the home: beside its path, or in it, where nothing can be moved into it from outside: an empty
 * folder that is a mount point, or that lies in a folder which is not ours.
 */
async function draftFor(target: string): Promise<string> {
  const parent = dirname(target)
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const beside = (): Promise<string> => mkdtemp(join(parent, `${basename(target)}.new-`)) // it has mode 0700
  if (!(await exists(target))) return await beside()
  try {
    const tried = await beside()
    await rename(tried, target).finally(() => rm(tried, { recursive: true, force: true }))
    return await beside()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (TAKEN.has(code)) return await beside() // `moveInto` tells it
    if (!UNMOVABLE.has(code)) throw error
    return await mkdtemp(join(target, '.new-'))
  }
}

/** Another process has made something there meanwhile. */
const TAKEN: ReadonlySet<unknown> = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR'])
const UNMOVABLE: ReadonlySet<unknown> = new Set(['EBUSY', 'EXDEV', 'EACCES', 'EPERM', 'EROFS'])

/** Moves the draft to its path. `rename` replaces an empty folder and nothing else. */
async function moveInto(draft: string, target: string): Promise<void> {
  if (dirname(draft) === target) return await moveUp(draft, target)
  try {
    await rename(draft, target)
  } catch (error) {
    if (!TAKEN.has((error as NodeJS.ErrnoException).code)) throw error
    throw homeExists(`another process created ${target} at the same time`).withCause(error)
  }
}

/** The settings come last: a folder without them is not a home. */
async function moveUp(draft: string, target: string): Promise<void> {
  await chmod(target, 0o700)
  const names = (await readdir(draft)).filter(name => name !== CONFIG)
  for (const name of [...names, CONFIG]) await rename(join(draft, name), join(target, name))
  await syncFolder(target)
}

async function isHome(dir: string): Promise<boolean> {
  return (await exists(join(dir, CONFIG))) || (await exists(join(dir, DEVICE_KEY)))
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/** Runs `work` and turns errors of the operating system into BAD_HOME, which names the path. */
async function openingFolder<T>(dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BushelError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new BushelError(
      'BAD_HOME',
      `${dir} cannot be used as a home: ${reasonOf(code) ?? message}`,
      'give another folder with --home DIR or BUSHEL_HOME'
    ).withCause(error)
  }
}

function reasonOf(code: string | undefined): string | null {
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'it is not writable'
  if (code === 'ENOTDIR') return 'a part of the path is a file'
  if (code === 'ELOOP' || code === 'ENAMETOOLONG') return 'the path is too long or has a loop of links'
  if (code === 'ENOSPC') return 'the disk is full'
  return null
}

function homeExists(why: string): BushelError {
  return new BushelError(
    'HOME_EXISTS',
    `${why}; nothing was changed`,
    'give another folder with --home DIR or BUSHEL_HOME'
  )
}

function noHome(dir: string): BushelError {
  return new BushelError(
    'NO_HOME',
    `there is no home at ${dir}`,
    'create one with `bushel init`, or give the path of yours with --home DIR or BUSHEL_HOME'
  )
}
