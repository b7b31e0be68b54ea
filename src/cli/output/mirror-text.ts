import type { MirrorEntry } from '../../node/api/api.js'
import { DAY, formatTime } from '../../../contracts/money/quantity.js'
import { dateText } from './order-text.js'

/** From so much time on the time left is told as well, ms. */
const SOON = 30 * DAY

/** What happens next to a mirror. */
export function nextText({ what, at }: MirrorEntry['next'], now = Date.now()): string {
  if (what === 'upload') return 'run the same mirror again'
  if (what === 'offers') return 'waits for offers'
  if (what === 'replace') return 'a lost copy is replaced while this node is up'
  if (what === 'renew') return `is extended ${dateText(at)}`
  if (what === 'pay') return `pays ${dateText(at)}`
  if (what === 'taken') return 'another device of yours has taken it over'
  if (what === 'lost') return 'its copies are lost'
  if (what === 'ended') return at > 0 ? `ended ${dateText(at)}` : 'ended'
  const left = at - now
  return `ends ${dateText(at)}${left > 0 && left <= SOON ? ` (in ${formatTime(left)})` : ''}`
}
