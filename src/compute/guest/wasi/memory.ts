import { refuse } from '../stops.js'

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The module's memory for WASI calls; an access out of bounds is refused with `fault`. */
export class GuestMemory {
  #memory: WebAssembly.Memory | null = null
  #bytes = new Uint8Array(0)
  #view = new DataView(this.#bytes.buffer)

  open(memory: WebAssembly.Memory): void {
    this.#memory = memory
  }

  get byteLength(): number {
    return this.#memory?.buffer.byteLength ?? 0
  }

  /** A view of the memory, valid until the module runs again. */
  slice(pointer: number, length: number): Uint8Array {
    this.#check(pointer, length)
    return this.#bytes.subarray(pointer, pointer + length)
  }

  /** Reads UTF-8 text without NUL, of at most `most` bytes. */
  text(pointer: number, length: number, most: number): string {
    if (length > most) refuse('nameTooLong')
    const bytes = this.slice(pointer, length)
    if (bytes.includes(0)) refuse('invalid')
    try {
      return text.decode(bytes)
    } catch (error) {
      if (error instanceof TypeError) refuse('badText')
      throw error
    }
  }

  u8(pointer: number): number {
    this.#check(pointer, 1)
    return this.#view.getUint8(pointer)
  }

  u16(pointer: number): number {
    this.#check(pointer, 2)
    return this.#view.getUint16(pointer, true)
  }

  u32(pointer: number): number {
    this.#check(pointer, 4)
    return this.#view.getUint32(pointer, true)
  }

  u64(pointer: number): bigint {
    this.#check(pointer, 8)
    return this.#view.getBigUint64(pointer, true)
  }

  setU32(pointer: number, value: number): void {
    this.#check(pointer, 4)
    this.#view.setUint32(pointer, value, true)
  }

  setU64(pointer: number, value: bigint | number): void {
    this.#check(pointer, 8)
    this.#view.setBigUint64(pointer, BigInt(value), true)
  }

  #check(pointer: number, length: number): void {
    const buffer = this.#memory?.buffer
    if (!buffer) refuse('fault')
    if (this.#bytes.buffer !== buffer) {
      this.#bytes = new Uint8Array(buffer)
      this.#view = new DataView(buffer)
    }
    if (pointer + length > this.#bytes.byteLength) refuse('fault')
  }
}
