import { Transform } from 'node:stream'

/** A stream that passes `rate` bytes a second. */
export function throttled(rate: number): Transform {
  let due = 0
  return new Transform({
    highWaterMark: 65_536,
    transform(chunk: Buffer, _, done) {
      const now = performance.now()
      due = Math.max(due, now - 5) + (chunk.byteLength / rate) * 1000
      setTimeout(() => done(null, chunk), Math.max(0, due - now))
    }
  })
}

/** A stream that passes everything until it is shut. */
export function valve(): { stream: Transform; shut: () => void } {
  let isShut = false
  const stream = new Transform({
    transform(chunk: Buffer, _, done) {
      if (!isShut) done(null, chunk)
    }
  })
  return { stream, shut: () => void (isShut = true) }
}
