import type { Edits } from './edits.js'
import type { Writer } from '../wasm/writer.js'

/** A stretch of instructions that all run when its first one does; charged as a whole before that. */
export interface Segment {
  at: number
  cost: number
  /** Whether the guest asks for more here when its fuel is below zero. */
  checked: boolean
  /** Whether the function's local holds what is left, as it was when the segment began. */
  held: boolean
  /** Whether that is done outside a wrapped loop (see wrapped.ts), whose head it is. */
  outside: boolean
}

export interface FuelPlaces {
  /** The i64 local that holds what the global holds, since the last call. */
  local: number
  global: number
  /** Calls the function that asks the host, and leaves what there is then. */
  ask: number
}

/**
 * The charges of one function. What is left stands in a global, which is written at every charge, so that it is right
 * whenever the guest traps or calls its host; a local holds the same number, so that a loop without calls has no need to
 * read the global.
 *
 * A segment goes on through a block, a loop or an if, when everything inside that leaves at all leaves to its end: then what
 * follows it runs exactly when what precedes it does. A function that traps has paid for the whole segment.
 */
export class Charges {
  #segments: Segment[] = []
  #current: Segment
  #fresh = true
  /** Whether the local holds what the global does. */
  held = false

  constructor(at: number, checked: boolean) {
    this.#current = this.begin(at, checked)
  }

  /** That of the function's entry. */
  get first(): Segment {
    return this.#segments[0]!
  }

  get current(): Segment {
    return this.#current
  }

  begin(at: number, checked = false): Segment {
    this.#current = { at, cost: 0, checked, held: this.held, outside: false }
    this.#segments.push(this.#current)
    this.#fresh = true
    return this.#current
  }

  /** Goes on with a segment that began before. */
  resume(segment: Segment): void {
    this.#current = segment
    this.#fresh = false
  }

  add(cost: number): void {
    if (cost === 0) return
    // the charge stands where the segment begins: until another begins, the local holds the number after it
    if (this.#current.cost === 0 && this.#fresh) this.held = true
    this.#current.cost += cost
  }

  /** Something else may have changed the global. */
  forget(): void {
    this.held = false
  }

  /** What is charged in the function, once each. */
  get total(): number {
    return this.#segments.reduce((sum, { cost }) => sum + cost, 0)
  }

  get isEmpty(): boolean {
    return this.#segments.every(({ cost }) => cost === 0)
  }

  place(edits: Edits, places: FuelPlaces): void {
    for (const segment of this.#segments)
      if (segment.cost > 0) edits.insert(segment.at, 'segment', out => write(out, segment, places))
  }
}

function write(out: Writer, segment: Segment, { local, global, ask }: FuelPlaces): void {
  if (segment.held) out.byte(0x20).u32(local)
  else out.byte(0x23).u32(global)
  // i64.const cost, i64.sub, local.tee, global.set
  out.byte(0x42).signed(segment.cost).put(0x7d, 0x22).u32(local).byte(0x24).u32(global)
  if (!segment.checked) return
  if (segment.outside) {
    // local.get, i64.const 0, i64.lt_s, br_if out of the loop
    out.byte(0x20).u32(local).put(0x42, 0x00, 0x53, 0x0d, 0x01)
    return
  }
  // local.get, i64.const 0, i64.lt_s, if, call, local.set, end
  out.byte(0x20).u32(local).put(0x42, 0x00, 0x53, 0x04, 0x40, 0x10).u32(ask).byte(0x21).u32(local).byte(0x0b)
}
