/** Values by binary key, in the order of the keys' bytes. Meant for few entries: an insertion moves those behind it. */
export class SortedMap<V> {
  /** Keys as latin1: one character for each byte, so that strings sort as bytes do. */
  #values = new Map<string, { key: Buffer; value: V }>()
  #keys: string[] = []

  get size(): number {
    return this.#keys.length
  }

  get(key: Buffer): V | undefined {
    return this.#values.get(key.toString('latin1'))?.value
  }

  set(key: Buffer, value: V): void {
    const text = key.toString('latin1')
    if (!this.#values.has(text)) this.#keys.splice(this.#indexOf(text), 0, text)
    this.#values.set(text, { key, value })
  }

  delete(key: Buffer): void {
    const text = key.toString('latin1')
    if (this.#values.delete(text)) this.#keys.splice(this.#indexOf(text), 1)
  }

  all(): { key: Buffer; value: V }[] {
    return this.#keys.map(key => this.#values.get(key)!)
  }

  /** The entries from `gte` up to, and without, `lt`, as they are now. */
  between(gte: Buffer, lt: Buffer): { key: Buffer; value: V }[] {
    if (this.#keys.length === 0) return []
    const keys = this.#keys.slice(this.#indexOf(gte.toString('latin1')), this.#indexOf(lt.toString('latin1')))
    return keys.map(key => this.#values.get(key)!)
  }

  /** The position of the first key that is not smaller. */
  #indexOf(text: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#keys[middle]! < text) low = middle + 1
      else high = middle
    }
    return low
  }
}
