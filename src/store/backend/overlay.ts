import type { Change, Range, Readable, Row } from './backend.js'
import { SortedMap } from './sorted-map.js'

/** Changes in memory over rows on disk: reads show the changes. */
export class Overlay implements Readable {
  #under: Readable
  #changes = new SortedMap<{ value: Buffer | null }>()

  constructor(under: Readable) {
    this.#under = under
  }

  get(key: Buffer): Buffer | null {
    const change = this.#changes.get(key)
    return change ? change.value : this.#under.get(key)
  }

  range(range: Range): Generator<Row, void, void> {
    return merged(range, this.#changes, range => this.#under.range(range))
  }

  set(key: Buffer, value: Buffer | null): void {
    this.#changes.set(key, { value })
  }

  /** Every changed key once, in order. */
  changes(): Change[] {
    return this.#changes.all().map(({ key, value }) => ({ key, value: value.value }))
  }
}

/** Rows of a range with the changes in place of what they supersede. Both are read as of the first row. */
export function* merged(
  range: Range,
  changed: SortedMap<{ value: Buffer | null }>,
  read: (range: Range) => Generator<Row, void, void>
): Generator<Row, void, void> {
  const { gte, lt, reverse = false, limit = Infinity } = range
  if (limit <= 0) return
  const changes = changed.between(gte, lt)
  if (reverse) changes.reverse()
  // A removal hides one row at most, so this many are enough.
  const rows = read({ gte, lt, reverse, limit: limit + changes.length })
  let left = limit
  try {
    let row = rows.next()
    for (let at = 0; left > 0 && (!row.done || at < changes.length); left--) {
      const change = changes[at]
      const order = row.done ? 1 : change ? (reverse ? -1 : 1) * row.value.key.compare(change.key) : -1
      if (order < 0) {
        yield row.value!
      } else {
        at++
        if (change!.value.value) yield { key: change!.key, value: change!.value.value }
        else left++
      }
      if (order <= 0 && left > 1) row = rows.next()
    }
  } finally {
    rows.return()
  }
}
