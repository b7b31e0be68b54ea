import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { engine } from './guest.js'
import type { Callable, Memory } from './guest.js'

export const programs = fileURLToPath(new URL('../../../../test/compute/programs/', import.meta.url))

export function program(name: string): Uint8Array {
  return readFileSync(join(programs, name))
}

class Exit extends Error {
  constructor(readonly code: number) {
    super(`exit code ${code}`)
  }
}

/** The part of WASI that a program needs to take arguments and print. */
export class Console {
  readonly #written: Buffer[] = []
  #memory: Memory | null = null
  readonly functions: Record<string, Callable>

  constructor(args: readonly string[]) {
    const texts = ['program', ...args].map(text => Buffer.from(`${text}\0`))
    const view = (): DataView => new DataView(this.#memory!.buffer)
    const functions = {
      args_sizes_get: (count: number, bytes: number) => {
        view().setUint32(count, texts.length, true)
        view().setUint32(bytes, Buffer.concat(texts).length, true)
        return 0
      },
      args_get: (places: number, bytes: number) => {
        for (const text of texts) {
          view().setUint32(places, bytes, true)
          new Uint8Array(this.#memory!.buffer).set(text, bytes)
          places += 4
          bytes += text.length
        }
        return 0
      },
      fd_write: (_: number, vectors: number, count: number, result: number) => {
        let sum = 0
        for (let at = vectors; at < vectors + 8 * count; at += 8) {
          const [from, length] = [view().getUint32(at, true), view().getUint32(at + 4, true)]
          this.#written.push(Buffer.from(this.#memory!.buffer.slice(from, from + length)))
          sum += length
        }
        view().setUint32(result, sum, true)
        return 0
      },
      fd_fdstat_get: (_: number, stat: number) => {
        view().setUint8(stat, 2)
        return 0
      },
      fd_close: () => 0,
      fd_seek: () => 0,
      proc_exit: (code: number) => {
        throw new Exit(code)
      }
    }
    this.functions = functions as unknown as Record<string, Callable>
  }

  /** Runs `_start` of these exports. */
  start(exports: Record<string, unknown>): void {
    this.#memory = exports.memory as Memory
    try {
      ;(exports._start as Callable)()
    } catch (error) {
      if (!(error instanceof Exit) || error.code !== 0) throw error
    }
  }

  get text(): string {
    return Buffer.concat(this.#written).toString()
  }
}

/** The output of a plain program. */
export function printed(bytes: Uint8Array, args: readonly string[]): string {
  const screen = new Console(args)
  const module = new engine.Module(bytes)
  screen.start(new engine.Instance(module, { wasi_snapshot_preview1: screen.functions }).exports)
  return screen.text
}
