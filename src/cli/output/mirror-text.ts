import type { MirrorEntry } from '../../node/api/api.js'
import { dateText } from './order-text.js'

/** What happens next to a mirror. */
export function nextText({ what, at }: MirrorEntry['next']): string {
  if (what === 'upload') return 'run the same mirror again'
  if (what === 'pay') return `pays ${dateText(at)}`
  return `${what === 'end' ? 'ends' : 'ended'} ${dateText(at)}`
}
