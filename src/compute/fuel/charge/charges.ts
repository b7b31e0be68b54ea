import type { Edits } from './edits.js'
import { MOST_REACH } from '../reach.js'
import type { Writer } from '../wasm/writer.js'

/** A sequence of instructions that all run when the first one does; charged as a whole before it. */
export interface Segment {
  at: number
  cost: number
  /** Accesses of memory that pay for its reach, see reach.ts. */
  reaches: number
  /** Whether the guest asks for more fuel here when it is below zero. */
  checked: boolean
  /** Whether the function's local held the fuel when the segment began. */
  held: boolean
  /** Whether the request is made outside a wrapped loop (see wrapped.ts) whose head this is. */
  outside: boolean
}

export interface FuelPlaces {
  /** The i64 local with a copy of the fuel global, valid since the last call. */
  local: number
  global: number
  /** The i64 global with the reach of the memory. */
  reach: number
  /** The inserted function that asks the host and returns the new fuel. */
  ask: number
}

/**
 * The charges of one function. A global holds the remaining fuel and is written at every charge, so that it is right
 * whenever the guest traps or calls its host. A local holds a copy, so that a loop without calls need not read the global.
 *
 * A segment continues through a block, loop or if when every path that leaves it reaches its end: then the code after it
 * runs exactly when the code before it does. A function that traps has paid for the whole segment.
 */
export class Charges {
  #segments: Segment[] = []
  #current: Segment
  #fresh = true
  /** Whether the local equals the global. */
  held = false

  constructor(at: number, checked: boolean) {
    this.#current = this.begin(at, checked)
  }

  /** The segment at the function's entry. */
  get first(): Segment {
    return this.#segments[0]!
  }

  get current(): Segment {
    return this.#current
  }

  begin(at: number, checked = false): Segment {
    this.#current = { at, cost: 0, reaches: 0, checked, held: this.held, outside: false }
    this.#segments.push(this.#current)
    this.#fresh = true
    return this.#current
  }

  /** Continues an earlier segment. */
  resume(segment: Segment): void {
    this.#current = segment
    this.#fresh = false
  }

  add(cost: number): void {
    if (cost === 0) return
    // the charge is at the start of the segment, so the local stays valid until the next segment
    if (this.#current.cost === 0 && this.#fresh) this.held = true
    this.#current.cost += cost
  }

  /** Charges the reach of the memory too, after the cost of the access. */
  reach(): void {
    this.#current.reaches++
  }

  /** Call when the global may have changed: the local is no longer valid. */
  forget(): void {
    this.held = false
  }

  /** Sum of all segments' costs, each counted once, in the largest memory. */
  get total(): number {
    return this.#segments.reduce((sum, { cost, reaches }) => sum + cost + reaches * MOST_REACH, 0)
  }

  get isEmpty(): boolean {
    return this.#segments.every(({ cost }) => cost === 0)
  }

  place(edits: Edits, places: FuelPlaces): void {
    for (const segment of this.#segments)
      if (segment.cost > 0) edits.insert(segment.at, 'segment', out => write(out, segment, places))
  }
}

/** Writes what a segment costs, as an i64 on the stack. */
export function writeCost(out: Writer, { cost, reaches }: Segment, { reach }: FuelPlaces): void {
  out.byte(0x42).signed(cost)
  // global.get, i64.const, i64.mul, i64.add
  if (reaches > 0) out.byte(0x23).u32(reach).byte(0x42).signed(reaches).put(0x7e, 0x7c)
}

function write(out: Writer, segment: Segment, places: FuelPlaces): void {
  const { local, global, ask } = places
  if (segment.held) out.byte(0x20).u32(local)
  else out.byte(0x23).u32(global)
  writeCost(out, segment, places)
  // i64.sub, local.tee, global.set
  out.put(0x7d, 0x22).u32(local).byte(0x24).u32(global)
  if (!segment.checked) return
  if (segment.outside) {
    // local.get, i64.const 0, i64.lt_s, br_if out of the loop
    out.byte(0x20).u32(local).put(0x42, 0x00, 0x53, 0x0d, 0x01)
    return
  }
  // local.get, i64.const 0, i64.lt_s, if, call, local.set, end
  out.byte(0x20).u32(local).put(0x42, 0x00, 0x53, 0x04, 0x40, 0x10).u32(ask).byte(0x21).u32(local).byte(0x0b)
}
