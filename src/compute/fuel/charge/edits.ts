import type { Writer } from '../wasm/writer.js'

/** Order of edits at one offset: edits of the preceding instruction come first. */
export type EditOrder = 'closing' | 'after' | 'segment' | 'before' | 'instead'

const RANK: Record<EditOrder, number> = { closing: 0, after: 1, segment: 2, before: 3, instead: 4 }

interface Edit {
  at: number
  rank: number
  drop: number
  write: (out: Writer) => void
}

/** Insertions into and deletions from the bytes of a function. */
export class Edits {
  readonly #edits: Edit[] = []

  insert(at: number, place: EditOrder, write: (out: Writer) => void): void {
    this.#edits.push({ at, rank: RANK[place], drop: 0, write })
  }

  replace(from: number, to: number, write: (out: Writer) => void): void {
    this.#edits.push({ at: from, rank: RANK.instead, drop: to - from, write })
  }

  remove(from: number, to: number): void {
    if (to > from) this.replace(from, to, () => undefined)
  }

  /** Writes the bytes from `from` to `to` with all edits applied. */
  apply(source: Uint8Array, from: number, to: number, out: Writer): void {
    this.#edits.sort((a, b) => a.at - b.at || a.rank - b.rank)
    let at = from
    for (const edit of this.#edits) {
      out.bytes(source.subarray(at, edit.at))
      edit.write(out)
      at = edit.at + edit.drop
    }
    out.bytes(source.subarray(at, to))
  }
}
