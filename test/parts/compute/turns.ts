import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import Hypercore from 'hypercore'
import { MIB } from '../../../contracts/money/quantity.js'

// Types of Node 20 do not declare the classes of these.
const CIPHER = ['chacha20-poly1305', Buffer.alloc(32), Buffer.alloc(12), { authTagLength: 16 }] as const
const CLASSES = [createHash('sha256'), createCipheriv(...CIPHER), createDecipheriv(...CIPHER)].map(
  one => Object.getPrototypeOf(one) as object
)

/**
 * The most bytes that a node may handle between two turns of the event loop. In one turn Node reads up to 2 MiB from a
 * pipe (32 times 64 KiB), of which each byte is copied and hashed; the rest is for short texts.
 */
export const MOST_PER_TURN = 5 * MIB

export interface WorkMeter {
  /** Ends the count. Returns the bytes that were handled: in all, and the most between two turns of the event loop. */
  stop(): { total: number; most: number }
}

/**
 * Counts the bytes that this process copies, hashes, encrypts, decrypts, decodes as text or appends to a core before the
 * event loop gets a turn. A time would depend on the load of the machine; this count does not.
 */
export function workPerTurn(): WorkMeter {
  let total = 0
  let most = 0
  let bytes = 0
  let turn: NodeJS.Immediate | null = null
  const count = (more: number): void => {
    total += more
    bytes += more
    most = Math.max(most, bytes)
    turn ??= setImmediate(() => {
      turn = null
      bytes = 0
    })
  }
  const restore = [
    ...CLASSES.map(owner => counted(owner, 'update', count, ([given]) => sizeOf(given))),
    counted(Buffer.prototype, 'copy', count, (_, copied) => copied as number),
    counted(Buffer.prototype, 'toString', count, (_, text) => sizeOf(text)),
    counted(Buffer, 'concat', count, (_, whole) => sizeOf(whole)),
    counted(Hypercore.prototype, 'append', count, ([blocks]) => sizeOf(blocks))
  ]
  return {
    stop() {
      for (const undo of restore.reverse()) undo()
      return { total, most }
    }
  }
}

/** Counts the turns of the event loop until the work is done. */
export async function turnsOf(work: () => Promise<unknown>): Promise<number> {
  let turns = 0
  let next = setImmediate(function turn() {
    turns++
    next = setImmediate(turn)
  })
  try {
    await work()
    return turns
  } finally {
    clearImmediate(next)
  }
}

type Method = (this: unknown, ...given: unknown[]) => unknown

/** Replaces a method by one that counts what it handled; returns how to undo that. */
function counted(
  owner: object,
  name: string,
  count: (bytes: number) => void,
  bytesOf: (given: readonly unknown[], result: unknown) => number
): () => void {
  const original = Reflect.get(owner, name) as Method
  Reflect.set(owner, name, function (this: unknown, ...given: unknown[]): unknown {
    const result = original.apply(this, given)
    count(bytesOf(given, result))
    return result
  })
  return () => void Reflect.set(owner, name, original)
}

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + sizeOf(one), 0)
  if (typeof value === 'string') return value.length
  return value instanceof Uint8Array ? value.byteLength : 0
}
