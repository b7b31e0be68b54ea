import { createHash } from 'node:crypto'
import { BushelError } from '../../../contracts/errors/error.js'
import { parseFuelPrice } from '../../../contracts/job.js'
import { parseAmount } from '../../../contracts/money/money.js'
import { GIB, MIB, DAY, parseDuration, parseSize } from '../../../contracts/money/quantity.js'
import type { BuyParams, JobLimitSettings, JobParams } from '../../node/api/compute-api.js'
import { absolutePath, parseVerify, parseWhole, readablePath } from './arguments.js'
import { text } from '../invocation.js'
import type { OptionValues } from '../invocation.js'

/** Each name of --limit: the limit, how its value is written, and the most. */
const LIMITS: Record<string, [keyof JobLimitSettings, (text: string) => number, number]> = {
  wall: ['wallMs', parseDuration, 7 * DAY],
  cpu: ['cpuMs', parseDuration, 7 * DAY],
  memory: ['memoryBytes', parseSize, 4 * GIB],
  output: ['outputBytes', parseSize, GIB],
  stdout: ['stdoutBytes', parseSize, 64 * MIB],
  stderr: ['stderrBytes', parseSize, 16 * MIB],
  inodes: ['inodes', value => parseWhole(value, 'number of files', 65_536), 65_536]
}

/** `wall=10min,memory=512MiB`. */
export function parseLimits(given: string | undefined): JobLimitSettings {
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
    const [key, parse, most] = limit
    const parsed = parse(value)
    if (parsed === 0 || parsed > most)
      throw new BushelError(
        'BAD_INPUT',
        `'${part}' is out of bounds`,
        `a job has no more than that of ${name}`
      )
    limits[key] = parsed
  }
  return limits
}

/** What a job is, as typed. `stdin` is where our standard input was put. */
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
  const maxPrice = text(options, 'maxPrice')
  return {
    ...(market === undefined ? {} : { market }),
    verify: parseVerify(text(options, 'verify')!),
    maxMsat: parseAmount(text(options, 'max')!).toString(),
    ...(maxPrice === undefined ? {} : { maxPrice: parseFuelPrice(maxPrice).toString() })
  }
}
