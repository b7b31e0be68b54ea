import { formatAmount, parseAmount, parsePrice } from '../../../../contracts/money/money.js'
import { formatSize, formatTime, parseTime } from '../../../../contracts/money/quantity.js'
import { withNode } from '../../../daemon/access.js'
import type { MirrorResult } from '../../../node/api/api.js'
import { parseCopies, readablePath } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { count, facts } from '../../output/table.js'
import { OFFER } from '../../input/shared-options.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'mirror <path>',
  summary: 'store a file or folder with other nodes; prints its link',
  example: 'mirror film.mkv --copies 2 --time 30d --max-price "30 sat/GiB-month"',
  options: {
    '--copies <n>': { help: 'number of copies, each at another provider', default: '2' },
    '--time <time>': { help: 'how long to store it, such as 10min, 30d, 4w or 1y', default: '30d' },
    ...OFFER,
    '--max-price <price>': 'highest price, such as "30 sat/GiB-month" (default: any)',
    '--prepay-max <amount>': 'most to pay ahead'
  },
  calls: ['mirror']
}

/** Packs, encrypts and uploads a file or folder, pays ahead, and prints the link. */
export const run: Action = async ({ access, market, dryRun, output, context }, [path], options) => {
  const copies = parseCopies(text(options, 'copies')!)
  const time = parseTime(text(options, 'time')!)
  const offer = text(options, 'offer')
  const maxPrice = text(options, 'maxPrice')
  const prepayMax = text(options, 'prepayMax')
  const params = {
    ...(market === undefined ? {} : { market }),
    ...(offer === undefined ? {} : { offer: parsePrice(offer).toString() }),
    ...(maxPrice === undefined ? {} : { maxPrice: parsePrice(maxPrice).toString() }),
    ...(prepayMax === undefined ? {} : { prepayMaxMsat: parseAmount(prepayMax).toString() }),
    copies,
    time,
    path: await readablePath(path!),
    dryRun
  }
  const result = await withNode(access, node => node.call('mirror', params, context))
  output.print(result, () => (dryRun ? estimate(result, time) : receipt(result, time)))
}

function receipt(result: MirrorResult, time: number): string[] {
  const { pack, upload } = result.seconds
  return [
    ...facts([
      ['stored', `${count(result.copies, 'copy', 'copies')} of ${size(result)}, for ${formatTime(time)}`],
      ['paid', `${amount(result.paidMsat)} and ${amount(result.feesMsat)} of fees`],
      ['at risk', `${amount(result.atRiskMsat)} paid ahead for time not yet served`],
      ['took', `${pack.toFixed(1)} s to pack, ${upload.toFixed(1)} s to upload`],
      ...result.leases.map((id): [string, string] => ['lease', id])
    ]),
    '',
    'Anyone who has this link can fetch and read everything. Keep it like a password:',
    result.link
  ]
}

function estimate(result: MirrorResult, time: number): string[] {
  return facts([
    ['would store', `${count(result.copies, 'copy', 'copies')} of ${size(result)}, for ${formatTime(time)}`],
    ['would pay', amount(result.paidMsat)]
  ])
}

function size({ files, bytes, storedBytes }: MirrorResult): string {
  return `${count(files, 'file', 'files')}, ${formatSize(bytes)} (${formatSize(storedBytes)} stored)`
}

function amount(msat: string): string {
  return formatAmount(BigInt(msat))
}
