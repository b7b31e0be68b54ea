import { constants } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { resolve } from 'node:path'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../../contracts/keys/key.js'
import { parseTime } from '../../../contracts/money/quantity.js'
import { MAX_PROVIDERS } from '../../compute/resource.js'

const MAX_RULES_BYTES = 64 * 1024
const MAX_COPIES = 64
const MAX_NAME = 64

export function parseCopies(text: string): number {
  return parseCount(text, 'number of copies', 1, MAX_COPIES)
}

/** Parses how long ahead a mirror is paid: a time, or `all` of the time `of` that it is bought for. Throws BAD_INPUT. */
export function parseAhead(text: string, of: string): number {
  return parseTime(text === 'all' ? of : text)
}

/** Parses how many providers run a job, or `auto`. Throws BAD_INPUT. */
export function parseVerify(text: string): number | 'auto' {
  return text === 'auto' ? text : parseCount(text, 'number of providers', 1, MAX_PROVIDERS)
}

export function parseCores(text: string): number {
  return parseCount(text, 'number of cores', 1, 1024)
}

export function parseParallel(text: string): number {
  return parseCount(text, 'number of jobs at a time', 1, 64)
}

/** Parses a range of hours such as `22:00-07:00` to minutes of the day. Throws BAD_INPUT. */
export function parseHours(text: string): { from: number; to: number } {
  const match = /^([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)$/.exec(text)
  const [from, to] = match ? [minutes(match[1]!, match[2]!), minutes(match[3]!, match[4]!)] : [0, 0]
  if (from !== to) return { from, to }
  throw new BushelError('BAD_INPUT', `'${text}' is not a range of hours`, 'write it as 22:00-07:00')
}

function minutes(hour: string, minute: string): number {
  return Number(hour) * 60 + Number(minute)
}

export function parsePort(text: string): number {
  return parseCount(text, 'port', 1, 65_535)
}

/** Parses an IPv4 address, of this machine or in front of it. Throws BAD_INPUT. */
export function parseHost(text: string): string {
  if (isIPv4(text) && text !== '0.0.0.0') return text
  throw new BushelError(
    'BAD_INPUT',
    `'${text}' is not an IPv4 address that others can dial`,
    'give the address of this machine, such as 192.168.1.10'
  )
}

export function parseWhole(text: string, what: string, most: number): number {
  return parseCount(text, what, 0, most)
}

function parseCount(text: string, what: string, least: number, most: number): number {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : NaN
  if (value >= least && value <= most) return value
  throw new BushelError(
    'BAD_INPUT',
    `'${text}' is not a ${what}`,
    `give a whole number from ${least} to ${most}`
  )
}

/** Parses the name or key of a market; a key is given in z32. Throws BAD_INPUT. */
export function parseMarket(text: string): string {
  if (isKey(text)) return formatKey(parseKey(text, 'market key'))
  if (isName(text)) return text
  throw new BushelError('BAD_INPUT', `'${text}' is neither the name nor the key of a market`, nameHint())
}

export function parseMarketName(text: string): string {
  if (isName(text) && !isKey(text)) return text
  throw new BushelError('BAD_INPUT', `'${text}' cannot be the name of a market`, nameHint())
}

/** Parses a region such as `eu`. Throws BAD_INPUT. */
export function parseRegion(text: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,31}$/.test(text)) return text
  throw new BushelError(
    'BAD_INPUT',
    `'${text}' is not a region`,
    'use up to 32 lower-case letters, digits and dashes, such as eu or us-east'
  )
}

function nameHint(): string {
  return `a name has 1 to ${MAX_NAME} printable characters; a key has 52 characters of z32`
}

/** True for a name without characters that are invisible or change the direction of text. */
function isName(text: string): boolean {
  return (
    text.trim() === text && text.length > 0 && text.length <= MAX_NAME && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text)
  )
}

function isKey(text: string): boolean {
  return /^([ybndrfg8ejkmcpqxot1uwisza345h769]{52}|[0-9a-f]{64})$/i.test(text)
}

/** The folder in which the command was typed: npm runs scripts in the folder of the package. */
function typedIn(): string {
  const { npm_lifecycle_event: script, INIT_CWD: typed } = process.env
  return (script === 'bushel' && typed) || process.cwd()
}

/** Makes a path absolute. Throws BAD_PATH for an empty path. */
export function absolutePath(path: string): string {
  if (path === '' || path.includes('\0'))
    throw new BushelError(
      'BAD_PATH',
      'a path is empty or has a NUL character',
      'give the path of a file or folder'
    )
  return resolve(typedIn(), path)
}

/** The absolute path of a file or folder. Throws BAD_PATH when it does not exist or is not readable. */
export async function readablePath(path: string): Promise<string> {
  const at = absolutePath(path)
  try {
    const folder = (await stat(at)).isDirectory()
    await access(at, constants.R_OK | (folder ? constants.X_OK : 0))
    return at
  } catch (error) {
    throw badPath(path, error)
  }
}

/** Reads the file of a market's rules: one JSON object of numbers. Throws BAD_PATH, BAD_RULES. */
export async function readRules(path: string): Promise<Record<string, number>> {
  const at = await readablePath(path)
  let rules: unknown
  try {
    if ((await stat(at)).size > MAX_RULES_BYTES) throw new RangeError('too large')
    rules = JSON.parse(await readFile(at, 'utf8'))
  } catch (error) {
    throw badRules(path).withCause(error)
  }
  if (typeof rules !== 'object' || rules === null || Array.isArray(rules)) throw badRules(path)
  for (const value of Object.values(rules))
    if (!Number.isSafeInteger(value) || value < 0) throw badRules(path)
  return rules as Record<string, number>
}

function badRules(path: string): BushelError {
  return new BushelError(
    'BAD_RULES',
    `'${path}' is not a valid file of market rules`,
    'it must be one JSON object with a whole number for each rule, such as { "maxOrdersPerIdentity": 8 }'
  )
}

function badPath(path: string, error: unknown): BushelError {
  const { code, message } = error as NodeJS.ErrnoException
  const why =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? 'does not exist'
      : code === 'EACCES' || code === 'EPERM'
        ? 'cannot be read: permission denied'
        : `cannot be read: ${message}`
  return new BushelError(
    'BAD_PATH',
    `'${path}' ${why}`,
    'give the path of a file or folder that you can read'
  ).withCause(error)
}
