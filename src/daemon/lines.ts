import type { Socket } from 'node:net'
import { StringDecoder } from 'node:string_decoder'

export interface LineListener {
  online: (line: string) => void
  /** A line grew past the bound; nothing more is read. */
  onoverflow: () => void
}

/** Cuts what a socket receives into lines of at most `maxLength` UTF-16 units. */
export function readLines(socket: Socket, maxLength: number, { online, onoverflow }: LineListener): void {
  const decoder = new StringDecoder('utf8')
  let parts: string[] = []
  let length = 0
  let over = false
  socket.on('data', (chunk: Buffer) => {
    if (over) return
    const pieces = decoder.write(chunk).split('\n')
    const last = pieces.pop()!
    for (const piece of pieces) {
      if (length + piece.length > maxLength) return overflow()
      const line = parts.join('') + piece
      parts = []
      length = 0
      online(line)
    }
    parts.push(last)
    length += last.length
    if (length > maxLength) overflow()
  })

  function overflow(): void {
    over = true
    parts = []
    onoverflow()
  }
}
