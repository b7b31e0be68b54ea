import type { Posting } from '../../book/reader/posting.js'

/** Tells the owner that an order, or its withdrawal, is not in the book; '' when it is. */
export function postingNote(posting: Posting | null, what: 'order' | 'withdrawal'): string {
  if (posting?.inBook) return ''
  const kept =
    what === 'order'
      ? 'it is kept, and offered again until it is there'
      : 'the order may still be shown; its withdrawal is kept, and offered again until it is in the book'
  return `not in the book yet: ${answersOf(posting)}; ${kept}`
}

function answersOf(posting: Posting | null): string {
  if (!posting) return 'no relay of the market could be reached'
  const { asked, accepted, refusal } = posting
  const relays = `${asked} ${asked === 1 ? 'relay' : 'relays'}`
  if (accepted === 0) return `it was handed to ${relays}, and none has answered`
  const others = refusal === null ? '' : ` (another: ${refusal})`
  return `it was handed to ${relays}, ${accepted} accepted it, and none has put it into the book that this node reads${others}`
}
