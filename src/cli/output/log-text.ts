import { formatAmount } from '../../../contracts/money/money.js'
import { formatSize } from '../../../contracts/money/quantity.js'
import type { PlainLine } from '../../daemon/log/open-log.js'

/** A line of the log for people, its time first; null for what is of no interest beside the log itself. */
export function logText(line: PlainLine): string | null {
  const said = line.level === 'info' ? toldOf(line) : warningOf(line)
  return said === null ? null : `${clock(line.at)}  ${said}`
}

/** A whole line, as it stands in the log: for what the log could not keep. */
export function wholeText({ at, level, part, message, fields, error }: PlainLine): string {
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${value}`)
  return [clock(at), level, part, message, ...pairs, ...(error ? [error.stack] : [])]
    .filter(Boolean)
    .join('  ')
}

/** What is said of a node that runs for one command: warnings and faults. */
export function noteOf(line: PlainLine): string | null {
  if (line.level === 'error') return `fault: ${line.message}`
  return line.level === 'warn' ? line.message : null
}

function warningOf(line: PlainLine): string {
  const { level, part, error } = line
  const said = paymentText(line) ?? sentence(line)
  if (level !== 'error') return `warning: ${said}`
  return `fault${part ? ` in ${part}` : ''}: ${said}${error?.code ? ` (${error.code})` : ''}; the log has the rest`
}

/** What leases, jobs, money, orders, markets and the wallet do, by the message of the log. */
function toldOf(line: PlainLine): string | null {
  if (line.message.startsWith('payment ')) return paymentText(line)
  return TOLD.test(line.message) ? sentence(line) : null
}

const TOLD = /^(lease|job|jobs|bid|offer|wallet|market|relay|upload|node stopped)\b/

const PAYMENTS: Record<string, Record<string, string>> = {
  payer: {
    paid: 'paid',
    failed: 'failed to pay',
    credited: 'settled from a debt',
    void: 'another hash is to be paid for'
  },
  payee: { received: 'received', credited: 'settled from a debt' }
}

function paymentText({ message, fields }: PlainLine): string | null {
  const [first, step = ''] = message.split(' ')
  const done = first === 'payment' ? PAYMENTS[String(fields['role'])]?.[step] : undefined
  if (!done) return null
  const { kind, installment, agreement, hash, msat, feeMsat } = fields
  const fee = feeMsat === undefined ? '' : ` and ${formatAmount(BigInt(String(feeMsat)))} of fees`
  const what: Record<string, string> = {
    installment: `for installment ${installment} of ${short(agreement)}`,
    refund: `as a refund of ${short(agreement)}`,
    direct: `on ${short(hash)}`
  }
  return `${done} ${formatAmount(BigInt(String(msat)))}${fee} ${what[String(kind)] ?? ''}`
}

/** The field that has the id of what a message is about, by its first word. */
const SUBJECT: Record<string, string> = {
  lease: 'lease',
  job: 'job',
  bid: 'order',
  offer: 'order',
  market: 'market'
}

/** The message with its id behind its subject, then what else is known of it. */
function sentence({ message, fields }: PlainLine): string {
  const [first = '', ...rest] = message.split(' ')
  const subject = SUBJECT[first]
  const id = subject === undefined ? undefined : fields[subject]
  const said = id === undefined ? message : [first, short(id), ...rest].join(' ')
  const details = DETAILS.filter(([name]) => name !== subject && fields[name] !== undefined)
  return said + details.map(([name, say]) => say(String(fields[name]))).join('')
}

/** In the order in which they are said; others are in the log alone. */
const DETAILS: [string, (value: string) => string][] = [
  ['lease', value => `, lease ${short(value)}`],
  ['job', value => `, job ${short(value)}`],
  ['order', value => `, order ${short(value)}`],
  ['market', value => `, market ${short(value)}`],
  ['role', value => ` as ${value}`],
  ['peer', value => ` with ${short(value)}`],
  ['bytes', value => `, ${formatSize(Number(value))}`],
  ['leases', value => ` by leases ${value.split(' ').map(short).join(', ')}; the link: bushel leases --json`],
  ['backend', value => ` (${value})`],
  ['bound', value => `, ${value}`],
  ['times', value => (value === '1' ? '' : `, ${value} times`)],
  ['reason', value => `: ${value}`]
]

function short(id: unknown): string {
  return String(id).slice(0, 8)
}

/** Of this machine's time zone. */
function clock(at: number): string {
  const time = new Date(at)
  const two = (n: number): string => String(n).padStart(2, '0')
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')
}
