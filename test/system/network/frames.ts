import { readSync, writeSync } from 'node:fs'
import { codeOf } from '../../../src/files/disk.js'
import { endWithTest } from '../../world/parent.js'
import { TAPS } from './shape.js'
import type { Shape } from './shape.js'

/** A frame that would wait longer than this for its turn is lost, as in the queue of a router. */
const LONGEST_QUEUE_MS = 300
/** How often the devices are looked at: Node cannot wait for one. */
const LOOK_EVERY_MS = 1
/** Frames that are read from one device before the other has its turn. */
const AT_ONCE = 512
const LARGEST_FRAME = 1 << 16

/** One direction of the link: a queue that is emptied in order, each frame when its time has come. */
class Direction {
  readonly #from: number
  readonly #to: number
  readonly #queue: { due: number; frame: Buffer }[] = []
  readonly #read = Buffer.alloc(LARGEST_FRAME)
  #free = 0
  #looked = performance.now()

  constructor(from: number, to: number) {
    this.#from = from
    this.#to = to
  }

  /**
   * Takes what has come since the last look, as if it had come right after that: the time in which this process could not
   * run takes nothing from the rate.
   */
  take({ mbit, delayMs, lost }: Shape): void {
    const now = performance.now()
    for (let i = 0; i < AT_ONCE; i++) {
      const length = this.#next()
      if (length === 0) break
      if (Math.random() * 100 < lost) continue
      const begins = Math.max(this.#free, this.#looked)
      if (begins - now > LONGEST_QUEUE_MS) continue
      this.#free = begins + (length * 8) / (mbit * 1000)
      this.#queue.push({ due: this.#free + delayMs, frame: Buffer.from(this.#read.subarray(0, length)) })
    }
    this.#looked = now
  }

  give(): void {
    const now = performance.now()
    while (this.#queue.length > 0 && this.#queue[0]!.due <= now) this.#write(this.#queue.shift()!.frame)
  }

  /** Reads a frame; its length, or 0 when there is none. */
  #next(): number {
    try {
      return readSync(this.#from, this.#read)
    } catch (error) {
      if (codeOf(error) === 'EAGAIN') return 0
      throw error
    }
  }

  #write(frame: Buffer): void {
    try {
      writeSync(this.#to, frame)
    } catch (error) {
      if (codeOf(error) !== 'EIO') throw error // the device is down: the frame is lost
    }
  }
}

let shape: Shape | null = null
const [near, far] = TAPS
const directions = [new Direction(near, far), new Direction(far, near)]
Error.stackTraceLimit = 0 // an empty device is told by an error
process.on('message', (wanted: Shape) => {
  shape = wanted
  process.send!('set')
})
endWithTest()
setInterval(() => {
  if (shape) for (const direction of directions) direction.take(shape)
  for (const direction of directions) direction.give()
}, LOOK_EVERY_MS)
