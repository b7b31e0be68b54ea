import { ANY, ARITH32, ARITH64, CANON32, CANON64, NUMBER } from './kinds.js'

/**
 * Decides where NaN bits are made canonical.
 *
 * WebAssembly leaves the sign and payload of a NaN that arithmetic produces (add, sub, mul, div, sqrt, ceil, floor, trunc,
 * nearest, min, max, demote, promote, and the same in vector lanes) to the engine and the processor. The rule of metering:
 *
 * 1. Only results of arithmetic are ever changed, and only NaNs among them: they become the canonical NaN (positive, only
 *    the top bit of the payload). Bits that were loaded, that are constants, that came from integers, or that are a
 *    parameter, a result of a call or a global's value, keep their bits wherever they go.
 * 2. A result of arithmetic is canonical whenever its bits can be observed: when it is stored, reinterpreted, put into a
 *    vector, taken apart as lanes, passed to abs, neg or copysign, passed to a function, returned, set to a global, or
 *    carried over a label with parameters or several values. Further arithmetic on the same lanes, comparisons,
 *    conversions to integers, select, locals and the result of a block do not observe the bits.
 * 3. abs and neg right after the arithmetic count as part of it.
 *
 * So a metered module behaves as the specification allows for the original. Values of locals are tracked from each set to
 * each get through branches (every local of a float or vector type has a node for each set and for each join), so that an
 * accumulator is made canonical once, after its loop. Where results of arithmetic and other bits meet in one node, the
 * results are made canonical at the arithmetic instead.
 */
export class Values {
  readonly #kinds: number[] = [ANY, NUMBER]
  /** Offset of the arithmetic that made each node; -1 for other nodes. */
  readonly #sites: number[] = [-1, -1]
  readonly #types: number[] = [0, 0]
  readonly #from: number[] = []
  readonly #to: number[] = []
  readonly #uses: Use[] = []

  /** A node of other bits, and one of a number (zero, or converted from an integer). */
  static readonly OTHER = 0
  static readonly ZERO = 1

  /** A node for the result of an instruction that ends at offset `at` of the source. */
  made(kind: number, type: number, at: number): number {
    if (kind === ANY) return Values.OTHER
    if (kind === NUMBER) return Values.ZERO
    return this.#node(kind, type, at)
  }

  /** A node that joins several values, which are linked to it. */
  join(type: number): number {
    return this.#node(0, type, -1)
  }

  link(from: number, to: number): void {
    if (from === to) return
    this.#from.push(from)
    this.#to.push(to)
  }

  /** Whether the node is the result of the arithmetic just before this offset, so nothing has used it yet. */
  isFresh(node: number, at: number): boolean {
    return this.#sites[node] === at && (this.#kinds[node]! & (ARITH32 | ARITH64)) !== 0
  }

  /** Marks the value pushed just before `at` as used by an instruction that accepts some kinds unchanged. */
  use(node: number, type: number, at: number, accepts: number): void {
    if (node > Values.ZERO) this.#uses.push({ node, type, at, accepts })
  }

  /** The values to make canonical; after offset `at` each is on top of the stack. */
  canonicalised(): { at: number; type: number; kind: number }[] {
    const edges = adjacency(this.#kinds.length, this.#from, this.#to)
    const atOnce = this.#meetings(edges)
    const own = this.#kinds.map((kind, node) => (atOnce.has(node) ? settled(kind) : kind))
    const kinds = flow(own, edges)
    const found = new Map<number, { at: number; type: number; kind: number }>()
    for (const node of atOnce)
      found.set(this.#sites[node]!, {
        at: this.#sites[node]!,
        type: this.#types[node]!,
        kind: this.#kinds[node]!
      })
    for (const { node, type, at, accepts } of this.#uses) {
      const kind = kinds[node]! & (ARITH32 | ARITH64) & ~accepts
      if (kind !== 0) found.set(at, { at, type, kind })
    }
    return [...found.values()].sort((a, b) => a.at - b.at)
  }

  #node(kind: number, type: number, at: number): number {
    this.#types.push(type)
    this.#sites.push(kind & (ARITH32 | ARITH64) ? at : -1)
    return this.#kinds.push(kind) - 1
  }

  /** Arithmetic nodes whose results reach a node together with other bits. */
  #meetings(edges: Edges): Set<number> {
    const kinds = flow(this.#kinds, edges)
    const back = adjacency(this.#kinds.length, this.#to, this.#from)
    const reached = new Uint8Array(kinds.length)
    const queue: number[] = []
    kinds.forEach((kind, node) => {
      if (isMixed(kind)) {
        reached[node] = 1
        queue.push(node)
      }
    })
    const found = new Set<number>()
    while (queue.length > 0) {
      const node = queue.pop()!
      if (this.#sites[node]! >= 0) found.add(node)
      for (let i = back.starts[node]!; i < back.starts[node + 1]!; i++) {
        const next = back.targets[i]!
        if (reached[next]) continue
        reached[next] = 1
        queue.push(next)
      }
    }
    return found
  }
}

interface Use {
  node: number
  type: number
  at: number
  accepts: number
}

interface Edges {
  starts: Int32Array
  targets: Int32Array
}

function settled(kind: number): number {
  return kind === ARITH32 ? CANON32 : CANON64
}

/** Whether results of arithmetic and other bits are mixed, so that the value cannot be made canonical as a whole. */
function isMixed(kinds: number): boolean {
  if (kinds & ARITH32 && kinds & ~(ARITH32 | CANON32 | NUMBER)) return true
  return (kinds & ARITH64) !== 0 && (kinds & ~(ARITH64 | CANON64 | NUMBER)) !== 0
}

function adjacency(nodes: number, from: readonly number[], to: readonly number[]): Edges {
  const starts = new Int32Array(nodes + 1)
  for (const node of from) starts[node + 1]!++
  for (let node = 0; node < nodes; node++) starts[node + 1]! += starts[node]!
  const next = starts.slice()
  const targets = new Int32Array(from.length)
  from.forEach((node, i) => (targets[next[node]!++] = to[i]!))
  return { starts, targets }
}

/** The kinds that reach each node. */
function flow(own: readonly number[], { starts, targets }: Edges): number[] {
  const kinds = [...own]
  const queue = kinds.map((_, node) => node)
  while (queue.length > 0) {
    const node = queue.pop()!
    for (let i = starts[node]!; i < starts[node + 1]!; i++) {
      const next = targets[i]!
      const joined = kinds[next]! | kinds[node]!
      if (joined === kinds[next]) continue
      kinds[next] = joined
      queue.push(next)
    }
  }
  return kinds
}
