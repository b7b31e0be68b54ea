/** A growing byte buffer. */
export class Writer {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  byte(value: number): this {
    this.#room(1)
    this.#bytes[this.#length++] = value
    return this
  }

  put(...values: number[]): this {
    return this.bytes(values)
  }

  bytes(values: ArrayLike<number>): this {
    this.#room(values.length)
    this.#bytes.set(values, this.#length)
    this.#length += values.length
    return this
  }

  /** Unsigned LEB128. */
  u32(value: number): this {
    for (; value > 0x7f; value = Math.floor(value / 128)) this.byte((value % 128) | 0x80)
    return this.byte(value)
  }

  /** Signed LEB128 of a safe integer. */
  signed(value: number): this {
    for (;;) {
      const low = ((value % 128) + 128) % 128
      value = (value - low) / 128
      if ((value === 0 && low < 0x40) || (value === -1 && low >= 0x40)) return this.byte(low)
      this.byte(low | 0x80)
    }
  }

  /** Writes bytes preceded by their length. */
  sized(values: ArrayLike<number>): this {
    return this.u32(values.length).bytes(values)
  }

  name(value: string): this {
    return this.sized(new TextEncoder().encode(value))
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}
