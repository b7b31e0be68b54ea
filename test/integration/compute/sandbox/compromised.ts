/**
 * Node flags that run `code` in the guest's process before the guest's own. `say(kind, body)` sends a message
 * as the guest does.
 */
export function compromisedBy(code: string): string[] {
  const prelude = `
    import fs, { readSync, writeSync } from 'node:fs'
    const write = writeSync
    const say = (kind, body = Buffer.alloc(0), length = body.length) => {
      const head = Buffer.alloc(5)
      head[0] = kind
      head.writeUInt32LE(length, 1)
      for (const bytes of [head, body]) for (let at = 0; at < bytes.length;) at += write(1, bytes, at)
    }
    const job = () => { for (const byte = Buffer.alloc(1 << 16);;) if (readSync(0, byte) > 0) return }
    const forever = () => { for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000) }
  `
  return ['--import', `data:text/javascript,${encodeURIComponent(prelude + code)}`]
}
