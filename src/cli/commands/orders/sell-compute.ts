import { formatFuelPrice, parseFuelPrice } from '../../../../contracts/job.js'
import { formatAmount, parseAmount } from '../../../../contracts/money/money.js'
import { formatSize, parseSize, parseTime } from '../../../../contracts/money/quantity.js'
import { parseCores, parseHours, parseRegion } from '../../input/arguments.js'
import { FLOOR } from '../../input/shared-options.js'
import { given, parsed, text } from '../../invocation.js'
import { oneCall, onRunning } from '../../one-call.js'
import { placed } from '../../output/order-text.js'
import { count } from '../../output/table.js'

/** Publishes an offer to run jobs, which the running node serves. */
export const { syntax, run } = oneCall({
  usage: 'sell compute',
  summary: 'offer to run jobs for others (needs `bushel up`)',
  example: 'sell compute --cores 2 --memory 2GiB --price "40 sat/Tfuel"',
  options: {
    '--cores <n>': { help: 'number of jobs at the same time', required: true },
    '--memory <size>': { help: 'memory for all of them together, such as 2GiB', required: true },
    '--price <price>': { help: 'price, such as "40 sat/Tfuel"', required: true },
    ...FLOOR,
    '--base <amount>': { help: 'base for each job, in addition to its fuel', default: '1 sat' },
    '--only-idle': 'run jobs only while the machine is idle',
    '--hours <from-to>': 'run jobs only at these hours, such as 22:00-07:00',
    '--max-wall <time>': { help: 'most time of one job on the clock, such as 2h; 1h by default' },
    '--max-cpu <time>': { help: 'most processor time of one job, with compiling; 1h by default' },
    '--allow-process': 'sell without bubblewrap if it does not work: less isolation',
    '--beyond-machine': 'offer more cores or memory than this machine has',
    '--region <region>': 'region of the machine, such as eu'
  },
  call: onRunning('sell.compute'),
  params: ({ market, dryRun }, _positional, options) => ({
    cores: parseCores(text(options, 'cores')!),
    memory: parseSize(text(options, 'memory')!),
    price: parseFuelPrice(text(options, 'price')!).toString(),
    baseMsat: parseAmount(text(options, 'base')!).toString(),
    ...given({ market, floor: parsed(options, 'floor', parseFuelPrice)?.toString() }),
    region: parsed(options, 'region', parseRegion) ?? '',
    onlyIdle: options.onlyIdle === true,
    hours: parsed(options, 'hours', parseHours) ?? null,
    ...given({
      beyondMachine: options.beyondMachine === true ? true : undefined,
      maxWallMs: parsed(options, 'maxWall', parseTime),
      maxCpuMs: parsed(options, 'maxCpu', parseTime)
    }),
    allowProcess: options.allowProcess === true,
    dryRun
  }),
  text: (order, { cores, memory, price, baseMsat }) => {
    const what = `${count(cores, 'core', 'cores')} with ${formatSize(memory)}`
    const paid = `${formatFuelPrice(BigInt(price))} plus ${formatAmount(BigInt(baseMsat))} per job`
    return [
      ...placed(`offer of ${what} at ${paid}`, order),
      order.isolation === 'bwrap'
        ? 'jobs run in bubblewrap, without your files and without network'
        : 'jobs run WITHOUT bubblewrap, in a separate process',
      ...(order.walls.length > 0 ? [`around each job: ${order.walls.join(', ')}`] : [])
    ]
  }
})
