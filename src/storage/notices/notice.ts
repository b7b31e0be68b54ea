import type { Notice } from '#spec'
import { oneLine, shownInOneLine } from '../../../contracts/text.js'

/** Kinds of notices. One of another kind is kept and shown by its text. */
export const NOTICE = {
  /** The provider has ended the lease. */
  ended: 1
} as const

/** Longest text of a notice, bytes. */
export const MOST_NOTICE_TEXT = 256

/** Our own text, short enough for a notice. */
export function noticeText(text: string): string {
  let short = oneLine(text, MOST_NOTICE_TEXT)
  while (Buffer.byteLength(short) > MOST_NOTICE_TEXT) short = oneLine(short, short.length - 1)
  return short
}

/** What a provider says, for people: one line, with a mark where something is hidden. */
export function textOfNotice({ text }: Pick<Notice, 'text'>): string {
  return shownInOneLine(text)
}
