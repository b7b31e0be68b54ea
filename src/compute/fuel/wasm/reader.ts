import { ModuleRefused } from '../refused.js'

const text = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

/** Reads a module's bytes in order; throws ModuleRefused at the end. */
export class WasmReader {
  at: number

  constructor(
    readonly bytes: Uint8Array,
    from = 0,
    readonly end = bytes.length
  ) {
    this.at = from
  }

  get done(): boolean {
    return this.at >= this.end
  }

  byte(): number {
    if (this.at >= this.end) throw new ModuleRefused('the module ends too early')
    return this.bytes[this.at++]!
  }

  /** An unsigned LEB128 of at most 32 bits. */
  u32(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (value > 0xffffffff) break
        return value
      }
    }
    throw new ModuleRefused('a number in the module is too long')
  }

  /** Reads a count of at most `most`; `what` names the counted things in the error. */
  count(most: number, what: string): number {
    const count = this.u32()
    if (count > most) throw new ModuleRefused(`${count} ${what}, more than ${most}`)
    return count
  }

  /** A signed LEB128 of at most 33 bits, as used for block types. */
  s33(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return byte & 0x40 ? value - 2 ** (shift + 7) : value
    }
    throw new ModuleRefused('a number in the module is too long')
  }

  /** Skips a LEB128 of at most `most` bytes. */
  skipNumber(most: number): void {
    for (let i = 0; i < most; i++) if (this.byte() < 0x80) return
    throw new ModuleRefused('a number in the module is too long')
  }

  skip(bytes: number): void {
    if (bytes > this.end - this.at) throw new ModuleRefused('the module ends too early')
    this.at += bytes
  }

  take(bytes: number): Uint8Array {
    const from = this.at
    this.skip(bytes)
    return this.bytes.subarray(from, this.at)
  }

  name(): string {
    return text.decode(this.take(this.u32()))
  }
}
