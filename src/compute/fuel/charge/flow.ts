import type { Charges, Segment } from './charges.js'
import { IF, LOOP, wraps } from './frame.js'
import type { Frame } from './frame.js'
import { LIMIT } from '../limits.js'
import { Operands } from '../wasm/operands.js'
import { ModuleRefused } from '../refused.js'
import type { FuelBudget } from './surroundings.js'
import { holdsFloats } from '../wasm/types.js'
import type { FunctionType } from '../wasm/types.js'
import { Values } from '../nan/values.js'
import { ADDED_LABELS } from './wrapped.js'
import type { Wrapped } from './wrapped.js'

/** Control flow of a function: its frames, its operand stack, and the values of locals on each path. */
export class Flow {
  readonly operands = new Operands()
  readonly values = new Values()
  readonly #frames: Frame[] = []
  /** Loops that ask for fuel outside themselves. */
  readonly wrapped: Wrapped[] = []
  /** Maps locals to indices of #now; -1 for untracked locals. */
  readonly #places: Int32Array
  readonly #followed: number[]
  #now: Int32Array

  constructor(
    readonly locals: readonly number[],
    type: FunctionType,
    readonly charges: Charges,
    readonly budget: FuelBudget,
    bodyBytes: number
  ) {
    const floats = locals.flatMap((local, index) => (holdsFloats(local) ? [index] : []))
    const work = floats.length * bodyBytes
    this.#followed = work <= budget.tracking ? floats : []
    budget.tracking -= this.#followed.length * bodyBytes
    this.#places = new Int32Array(locals.length).fill(-1)
    this.#followed.forEach((local, place) => (this.#places[local] = place))
    this.#now = Int32Array.from(this.#followed, local =>
      local < type.params.length ? Values.OTHER : Values.ZERO
    )
    this.#frames.push(this.#frame(0, type, 0))
  }

  get isOver(): boolean {
    return this.#frames.length === 0
  }

  /** Opens a block, loop or if: its opcode is at `from`, its body at `at`. The condition is popped already. */
  open(opcode: number, type: FunctionType, from: number, at: number): void {
    if (this.#frames.length >= LIMIT.nesting)
      throw new ModuleRefused(`blocks nested deeper than ${LIMIT.nesting}`)
    const { operands } = this
    this.#look(type.params.length)
    operands.pop(type.params.length)
    const frame = this.#frame(opcode, type, operands.height)
    this.#frames.push(frame)
    for (const param of type.params) operands.push(param, Values.OTHER, at)
    if (opcode === LOOP) {
      frame.joined = this.#now.map((node, place) => {
        const join = this.values.join(this.#typeAt(place))
        this.values.link(node, join)
        return join
      })
      this.#now = frame.joined.slice()
      frame.head = this.charges.begin(at, true)
      frame.from = from
    } else if (opcode === IF) {
      frame.saved = this.#now.slice()
      frame.savedHeld = this.charges.held
      this.charges.begin(at)
    }
  }

  /** Begins the else arm; `live`: the end of the first arm is reachable. */
  otherwise(at: number, live: boolean): void {
    const frame = this.#top()
    if (frame.opcode !== IF || !frame.saved) throw new ModuleRefused('not a valid WebAssembly module')
    if (live) this.#arrive(frame)
    this.operands.cut(frame.height)
    for (const param of frame.type.params) this.operands.push(param, Values.OTHER, at)
    this.#now = frame.saved
    frame.saved = null
    this.charges.held = frame.savedHeld
    this.charges.begin(at)
  }

  /** Closes the innermost frame; `at` is after its end. */
  close(at: number, live: boolean): void {
    const frame = this.#top()
    const { operands, charges } = this
    if (live) {
      if (frame.opcode === LOOP) this.#fallOut(frame)
      else this.#arrive(frame)
    }
    this.#frames.pop()
    if (this.isOver) return
    const parent = this.#top()
    parent.calls ||= frame.calls
    parent.loops ||= frame.loops || frame.opcode === LOOP
    if (frame.head) this.#closeLoop(frame, frame.head, at)
    else {
      if (frame.saved) this.#joinLocals(frame, frame.saved, frame.savedHeld)
      this.#now = frame.joined ?? this.#now
      charges.held = frame.reached && frame.held
    }
    operands.cut(frame.height)
    for (const type of frame.type.results) operands.push(type, frame.result, at)
    const index = this.#frames.length
    parent.outermost = Math.min(parent.outermost, frame.outermost)
    if (frame.outermost >= index) charges.resume(frame.outer)
    else charges.begin(at)
  }

  #closeLoop(frame: Frame, head: Segment, at: number): void {
    if (frame.calls) head.held = false
    else if (!frame.loops && frame.type.params.length === 0) {
      frame.wrapped = true
      head.outside = true
      this.wrapped.push({ from: frame.from, body: head.at, end: at, head })
    }
  }

  /** The label depth in the output, known once all frames are closed. */
  written(depth: number): () => number {
    const from = this.#top()
    const target = this.#frames[this.#frames.length - 1 - depth]
    return () => (target ? depth + ADDED_LABELS * (wraps(from) - wraps(target)) : depth)
  }

  /** A branch, conditional or not, to a label by its depth. */
  branch(depth: number): void {
    const index = this.#frames.length - 1 - depth
    const frame = this.#frames[index]
    if (!frame) throw new ModuleRefused('not a valid WebAssembly module')
    const top = this.#top()
    top.outermost = Math.min(top.outermost, index)
    this.budget.joins -= this.locals.length
    if (this.budget.joins < 0) throw new ModuleRefused('too many locals at too many branches')
    if (frame.opcode !== LOOP) return this.#arrive(frame)
    this.#look(frame.type.params.length)
    frame.joined?.forEach((join, place) => this.values.link(this.#now[place]!, join))
  }

  return(): void {
    this.branch(this.#frames.length - 1)
  }

  /** Marks the top `count` operands as used. */
  #look(count: number, accepts = 0): void {
    const { types, nodes, ats, height } = this.operands
    if (count > height) throw new ModuleRefused('not a valid WebAssembly module')
    for (let i = height - count; i < height; i++) this.values.use(nodes[i]!, types[i]!, ats[i]!, accepts)
  }

  /** Pops operands and marks them as used by an instruction that accepts some kinds unchanged. */
  take(count: number, accepts: number): void {
    this.#look(count, accepts)
    this.operands.pop(count)
  }

  get(local: number, at: number): void {
    const place = this.#placeOf(local)
    this.operands.push(this.locals[local]!, place < 0 ? Values.OTHER : this.#now[place]!, at)
  }

  /** Sets a local to the top operand; `keep` leaves it on the stack (tee). */
  set(local: number, keep: boolean, at: number): void {
    const { operands, values } = this
    const place = this.#placeOf(local)
    const type = this.locals[local]!
    const top = operands.height - 1
    const node = operands.nodes[top]
    if (node === undefined) throw new ModuleRefused('not a valid WebAssembly module')
    if (place >= 0) this.#now[place] = node
    else values.use(node, type, operands.ats[top]!, 0)
    operands.pop()
    if (keep) operands.push(type, place < 0 ? Values.OTHER : node, at)
  }

  /** Pushes one of two operands; the condition is popped already. */
  select(at: number): void {
    const { operands, values } = this
    const top = operands.height - 1
    const [type, a, b] = [operands.types[top], operands.nodes[top], operands.nodes[top - 1]]
    if (type === undefined || a === undefined || b === undefined)
      throw new ModuleRefused('not a valid WebAssembly module')
    let node = a
    if (a !== b) {
      node = values.join(type)
      values.link(a, node)
      values.link(b, node)
    }
    operands.pop(2)
    operands.push(type, node, at)
  }

  /** Call after a call instruction: the fuel may have changed. */
  called(): void {
    this.#top().calls = true
    this.charges.forget()
  }

  #placeOf(local: number): number {
    const place = this.#places[local]
    if (place === undefined) throw new ModuleRefused('not a valid WebAssembly module')
    return place
  }

  #typeAt(place: number): number {
    return this.locals[this.#followed[place]!]!
  }

  #top(): Frame {
    return this.#frames[this.#frames.length - 1]!
  }

  #frame(opcode: number, type: FunctionType, height: number): Frame {
    const [only, ...more] = type.results
    const follows = opcode !== 0 && only !== undefined && more.length + type.params.length === 0
    return {
      opcode,
      parent: this.#frames[this.#frames.length - 1] ?? null,
      type,
      height,
      outer: this.charges.current,
      head: null,
      from: 0,
      outermost: Infinity,
      result: follows && holdsFloats(only) ? this.values.join(only) : Values.OTHER,
      joined: null,
      own: null,
      saved: null,
      savedHeld: false,
      held: true,
      reached: false,
      calls: false,
      loops: false,
      wrapped: false,
      wraps: -1
    }
  }

  /** Records a path to the label of a block, an if or the function. */
  #arrive(frame: Frame): void {
    this.#fallOut(frame)
    if (frame.opcode !== 0) this.#joinLocals(frame, this.#now, this.charges.held)
  }

  /** Makes the operands the results of the frame. */
  #fallOut(frame: Frame): void {
    const { nodes, height } = this.operands
    if (frame.result === Values.OTHER) this.#look(frame.type.results.length)
    else if (height > 0) this.values.link(nodes[height - 1]!, frame.result)
  }

  #joinLocals(frame: Frame, nodes: Int32Array, held: boolean): void {
    frame.held &&= held
    frame.reached = true
    const { joined } = frame
    if (!joined) {
      frame.joined = nodes.slice()
      frame.own = new Uint8Array(nodes.length)
      return
    }
    nodes.forEach((node, place) => {
      const before = joined[place]!
      if (before === node) return
      if (frame.own![place]) return this.values.link(node, before)
      const join = this.values.join(this.#typeAt(place))
      this.values.link(before, join)
      this.values.link(node, join)
      joined[place] = join
      frame.own![place] = 1
    })
  }
}
