import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import { attests, authorOf } from '../../contracts/keys/attestation.js'
import { BushelError } from '../../contracts/errors/error.js'
import { badFile, formatConfig, parseConfig, readHomeFile } from './config.js'
import type { Config, WalletChoice } from './config.js'
import { removeUnfinished, replaceDurably, syncFolder, writeDurably } from '../base/atomic-file.js'
import { HomeLock } from './lock.js'
import type { Holder } from './lock.js'
import { identityFrom, newWords } from './words.js'

const CONFIG = 'config.json'
const DEVICE_KEY = 'device.key'
const ATTESTATION = 'attestation'
const SEED_BYTES = 32

export interface CreateOptions {
  /** Recover this identity; without them a new one is made. */
  words?: string
  /** Adds to the home while it is being made, before anybody can see it. */
  prepare?: (home: Home) => Promise<void>
}

/**
 * A node's folder, readable by its owner only: device key, the identity's attestation of it, settings, and the folders
 * of the other rooms. The words are not in it: they attest this device once and are forgotten.
 */
export class Home {
  readonly dir: string
  readonly identity: Buffer
  /** The device's Noise and signing key pair. */
  readonly device: KeyPair
  /** The attestation of the device by the identity. */
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
   * Makes a new home, at once: a kill leaves the whole of it or (beside a folder `DIR.new-*`) nothing. `words` are the
   * new identity's, to be shown once; null when they were given. Throws HOME_EXISTS, BAD_WORDS, BAD_HOME.
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
    const config: Config = { created: Date.now(), market: null, wallet: null }
    const parts = { device, identity, proof, config }
    const draft = await openingFolder(dir, async () => {
      await mkdir(dirname(target), { recursive: true, mode: 0o700 })
      return await mkdtemp(join(dirname(target), `${basename(target)}.new-`)) // mode 0700 by itself
    })
    try {
      // The first half of the secret key is the seed that makes both.
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

  /** Would `create` do it? Throws as it would; changes nothing. */
  static async check(dir: string): Promise<void> {
    await vacant(dir)
  }

  /** Throws NO_HOME where there is none, and BAD_CONFIG, naming the file, where it is damaged. */
  static async open(dir: string): Promise<Home> {
    const at = await openingFolder(dir, async () => ((await exists(dir)) ? await realpath(dir) : null))
    if (!at || !(await isHome(at))) throw noHome(dir)
    const file = (name: string): string => join(at, name)
    const config = parseConfig((await readHomeFile(file(CONFIG))).toString('utf8'), file(CONFIG))
    const device = parseDevice((await readHomeFile(file(DEVICE_KEY))).toString('utf8'), file(DEVICE_KEY))
    const proof = await readHomeFile(file(ATTESTATION))
    const author = authorOf(proof)
    if (!author) throw badFile(file(ATTESTATION), 'it does not hold')
    if (!attests(proof, null, { identity: author.identity, device: device.publicKey })) {
      throw badFile(file(ATTESTATION), 'it is for another device')
    }
    return new Home(at, { device, identity: Buffer.from(author.identity), proof, config })
  }

  get created(): number {
    return this.#config.created
  }

  /** Key of the market in use, when one was chosen. */
  get market(): Buffer | null {
    return this.#config.market
  }

  /** The wallet that was connected; null while it is the one that every home begins with. */
  get wallet(): WalletChoice | null {
    return this.#config.wallet
  }

  /** Settles which market is in use; on disk when it resolves. Others' settings, written meanwhile, are kept. */
  useMarket(market: Buffer | null): Promise<void> {
    return this.#change({ market })
  }

  /** Settles which wallet this home deals with; on disk when it resolves. */
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

  /** One node on one home: throws ALREADY_RUNNING while another process has it. */
  async lock(holder: Holder): Promise<HomeLock> {
    await removeUnfinished(this.dir)
    return await HomeLock.take(this.#lockFile, holder)
  }

  /** The process that has this home now, or null. */
  holder(): Holder | null {
    return HomeLock.holder(this.#lockFile)
  }

  get #lockFile(): string {
    return join(this.dir, 'node.lock')
  }

  /** Folders of the other rooms; each makes its own. */
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

  get journal(): string {
    return join(this.dir, 'journal')
  }
}

/** The device key pair of a home's key file: 32 bytes of seed in hex. */
function parseDevice(text: string, file: string): KeyPair {
  const hex = text.trim()
  if (!/^[0-9a-f]{64}$/.test(hex)) throw badFile(file, 'it is not a device key')
  return crypto.keyPair(Buffer.from(hex, 'hex'))
}

/** The path at which a new home can stand: nothing is there, or an empty folder. */
async function vacant(dir: string): Promise<string> {
  return await openingFolder(dir, async () => {
    if (!(await exists(dir))) return resolve(dir)
    const at = await realpath(dir)
    if (!(await stat(at)).isDirectory()) throw homeExists(`${dir} is a file`)
    if (await isHome(at)) throw homeExists(`${dir} is a home already`)
    if ((await readdir(at)).length > 0) throw homeExists(`${dir} is a folder with something else in it`)
    return at
  })
}

/** `rename` puts a folder in the place of an empty one, and of nothing else. */
async function moveInto(draft: string, target: string): Promise<void> {
  try {
    await rename(draft, target)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') {
      throw homeExists(`${target} was made by another meanwhile`).withCause(error)
    }
    if (code !== 'EBUSY') throw error
    // A mount point cannot be replaced, only filled. The settings come last: without them it is no home.
    const names = (await readdir(draft)).filter(name => name !== CONFIG)
    for (const name of [...names, CONFIG]) await rename(join(draft, name), join(target, name))
    await syncFolder(target)
  }
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

/** Says what the operating system has against a path in one line that names it. */
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
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'it may not be written'
  if (code === 'ENOTDIR') return 'a part of the path is a file'
  if (code === 'ELOOP' || code === 'ENAMETOOLONG') return 'the path leads nowhere'
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
    'make one with `bushel init`, or name yours with --home DIR or BUSHEL_HOME'
  )
}
