import { BushelError } from '../../../../contracts/errors/error.js'
import { formatAmount, parseAmount, parsePrice } from '../../../../contracts/money/money.js'
import { formatSize, formatTime, parseTime } from '../../../../contracts/money/quantity.js'
import type { MirrorResult } from '../../../node/api/api.js'
import { parseAhead, parseCopies, readablePath } from '../../input/arguments.js'
import { UNASKED_MSAT, consented, demandYes } from '../../input/consent.js'
import { given, parsed, text, texts } from '../../invocation.js'
import { oneCall, onNode } from '../../one-call.js'
import { dateText } from '../../output/order-text.js'
import { count, facts } from '../../output/table.js'
import { AHEAD, EXCLUDE, OFFER, YES } from '../../input/shared-options.js'

/** Packs, encrypts and uploads a file or folder, pays ahead, and prints the link. */
export const { syntax, run } = oneCall({
  usage: 'mirror <path>',
  summary: 'store a file or folder with other nodes; prints its link',
  example: 'mirror film.mkv --copies 2 --time 30d --max-price "30 sat/GiB-month"',
  options: {
    '--copies <n>': { help: 'number of copies, each at another provider', default: '2' },
    '--time <time>': { help: 'how long to store it, such as 10min, 30d, 4w or 1y', default: '30d' },
    '--renew': 'extend it by itself before it ends, as long as this node is up',
    '--name <name>': 'its name among your mirrors (default: that of the path)',
    ...EXCLUDE,
    ...OFFER,
    '--max-price <price>': 'highest price, such as "30 sat/GiB-month" (default: any)',
    ...AHEAD,
    ...YES
  },
  call: onNode('mirror'),
  params: async ({ market, dryRun }, [path], options) => ({
    copies: parseCopies(text(options, 'copies')!),
    time: parseTime(text(options, 'time')!),
    ...given({
      market,
      name: text(options, 'name'),
      renew: options['renew'] === true || undefined,
      exclude: texts(options, 'exclude'),
      offer: parsed(options, 'offer', parsePrice)?.toString(),
      maxPrice: parsed(options, 'maxPrice', parsePrice)?.toString(),
      ahead: parsed(options, 'ahead', value => parseAhead(value, text(options, 'time')!)),
      prepayMaxMsat: parsed(options, 'prepayMax', parseAmount)?.toString()
    }),
    path: await readablePath(path!),
    dryRun
  }),
  consent: async (make, params, options) => {
    if (params.ahead === undefined || params.dryRun || options['yes'] === true) return params
    const { paidMsat } = await make({ ...params, dryRun: true })
    const most = formatAmount(BigInt(paidMsat))
    const question = `Up to ${most} are paid ahead, and lost if the providers vanish. Type yes to go on: `
    if (BigInt(paidMsat) > UNASKED_MSAT) await demandYes(question, refusedAhead(most))
    // Other sellers may take part than those of the estimate.
    return { ...params, prepayMaxMsat: consented(params.prepayMaxMsat, BigInt(paidMsat)) }
  },
  text: (result, { time, dryRun }) => (dryRun ? estimate(result, time) : receipt(result, time))
})

function receipt(result: MirrorResult, time: number): string[] {
  const { pack, upload } = result.seconds
  return [
    ...facts([
      ['stored', `${count(result.copies, 'copy', 'copies')} of ${size(result)}, for ${formatTime(time)}`],
      ['paid', `${amount(result.paidMsat)} and ${amount(result.feesMsat)} of fees${later(result, time)}`],
      ['name', `${result.name}; see it with: bushel mirrors`],
      ['paid until', dateText(result.paidUntil)],
      ['at risk', `${amount(result.atRiskMsat)} paid ahead for time not yet served`],
      ['from here', onwards(result)],
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
    ['would pay', `at most ${amount(result.paidMsat)}${later(result, time)}`],
    ['fees', `at most ${amount(result.feesMsat)} for all of it`]
  ])
}

/** What is paid later, by a node that runs. */
function later({ chargeMsat, paidMsat }: MirrorResult, time: number): string {
  const rest = BigInt(chargeMsat) - BigInt(paidMsat)
  return rest > 0n ? `; ${formatAmount(rest)} more over ${formatTime(time)}` : ''
}

/** Who looks after the copies from here. */
function onwards({ chargeMsat, paidMsat, kept }: MirrorResult): string {
  const isPaid = BigInt(paidMsat) >= BigInt(chargeMsat)
  if (kept) return `this node audits the copies daily${isPaid ? '' : ' and pays on'}, as long as it is up`
  if (isPaid) return 'all is paid; a node that is up audits it daily: bushel up'
  return 'nobody pays on; before that time, let this node run: bushel up'
}

function size({ files, bytes, storedBytes }: MirrorResult): string {
  return `${count(files, 'file', 'files')}, ${formatSize(bytes)} (${formatSize(storedBytes)} stored)`
}

function amount(msat: string): string {
  return formatAmount(BigInt(msat))
}

function refusedAhead(most: string): BushelError {
  return new BushelError(
    'CONSENT_NEEDED',
    `up to ${most} would be paid ahead, and lost if the providers vanish; nothing was paid`,
    'consent with --yes, or pay for less time --ahead'
  )
}
