import { createHash } from 'node:crypto'
import { BushelError } from '../../../contracts/errors/error.js'
import { parseFuelPrice } from '../../../contracts/job.js'
import { parseAmount } from '../../../contracts/money/money.js'
import {
  DAY,
  GIB,
  MIB,
  formatSize,
  formatTime,
  parseSize,
  parseTime
} from '../../../contracts/money/quantity.js'
import type { BuyParams, JobLimitSettings, JobParams } from '../../node/api/api.js'
import { absolutePath, parseVerify, parseWhole, readablePath } from './arguments.js'
import { text } from '../invocation.js'
import type { OptionValues } from '../invocation.js'

/** The options that define a job, of `run` and `bid compute`. */
export const JOB_OPTIONS = {
  '--in <path>': 'its input under /in: a folder, or one file',
  '--force': 'overwrite different files that already exist',
  '--verify <n|auto>': { help: 'number of providers that run it, for comparison', default: '1' },
  '--limit <name=value,...>': 'wall, cpu, memory, output, stdout, stderr, inodes',
  '--seed <text>': 'seed of its random numbers (default: the job)'
}

interface Limit {
  key: keyof JobLimitSettings
  parse: (text: string) => number
  most: number
  format: (value: number) => string
}

const time = (key: keyof JobLimitSettings, most: number): Limit => ({
  key,
  parse: parseTime,
  most,
  format: formatTime
})
const size = (key: keyof JobLimitSettings, most: number): Limit => ({
  key,
  parse: parseSize,
  most,
  format: formatSize
})

/** The names that `--limit` takes. */
const LIMITS: Record<string, Limit> = {
  wall: time('wallMs', 7 * DAY),
  cpu: time('cpuMs', 7 * DAY),
  memory: size('memoryBytes', 4 * GIB),
  output: size('outputBytes', GIB),
  stdout: size('stdoutBytes', 64 * MIB),
  stderr: size('stderrBytes', 16 * MIB),
  inodes: {
    key: 'inodes',
    parse: value => parseWhole(value, 'number of files', 65_536),
    most: 65_536,
    format: String
  }
}

/** Parses `wall=10min,memory=512MiB`. Throws BAD_INPUT. */
function parseLimits(given: string | undefined): JobLimitSettings {
  const limits: JobLimitSettings = {}
  for (const part of given?.split(',') ?? []) {
    const [name = '', value = ''] = part.split('=', 2).map(one => one.trim())
    const limit = Object.hasOwn(LIMITS, name) ? LIMITS[name]! : null
    if (!limit)
      throw new BushelError(
        'BAD_INPUT',
        `'${name}' is not a limit of a job`,
        `write --limit NAME=VALUE,... with any of ${Object.keys(LIMITS).join(', ')}`
      )
    const { key, parse, most, format } = limit
    const parsed = parse(value)
    if (parsed === 0 || parsed > most)
      throw new BushelError(
        'BAD_INPUT',
        `'${part}' is out of bounds`,
        `the limit '${name}' is above 0 and at most ${format(most)}`
      )
    limits[key] = parsed
  }
  return limits
}

/** The job that was typed. `stdin` is the path of a file with its standard input. */
export async function jobParams(
  [module, ...args]: readonly string[],
  options: OptionValues,
  stdin: string | null
): Promise<JobParams> {
  const input = text(options, 'in')
  const out = text(options, 'out')
  const seed = text(options, 'seed')
  return {
    module: await readablePath(module!),
    ...(input === undefined ? {} : { input: await readablePath(input) }),
    ...(stdin === null ? {} : { stdin }),
    args,
    limits: parseLimits(text(options, 'limit')),
    ...(seed === undefined ? {} : { seed: createHash('sha256').update(seed).digest('hex') }),
    ...(out === undefined ? {} : { out: absolutePath(out) }),
    force: options.force === true
  }
}

export function buyParams(market: string | undefined, options: OptionValues): BuyParams {
  const offer = text(options, 'offer')
  const maxPrice = text(options, 'maxPrice')
  return {
    ...(market === undefined ? {} : { market }),
    verify: parseVerify(text(options, 'verify')!),
    maxMsat: parseAmount(text(options, 'max')!).toString(),
    ...(offer === undefined ? {} : { offer: parseFuelPrice(offer).toString() }),
    ...(maxPrice === undefined ? {} : { maxPrice: parseFuelPrice(maxPrice).toString() })
  }
}
