import type { NoiseStream } from 'hyperdht'

/** The reason why this node ends a connection. */
export class CutOff extends Error {
  /** The bound that the peer has exceeded. */
  readonly bound: string

  constructor(bound: string, message: string) {
    super(message)
    this.bound = bound
  }
}

/** A length of three bytes has been read. */
const READ = 2 ** 24

/**
 * Ends a connection on which a frame begins that is not allowed, before secret-stream reads what has come: with the first byte
 * of a frame it takes memory for all of it, 16 MiB for the longest one, also while the connection is being ended.
 */
export function boundFrames(stream: NoiseStream, allows: (bytes: number) => boolean): void {
  const { rawStream } = stream
  rawStream.prependListener('data', (data: Buffer) => {
    const bytes = largestFrame(stream, data)
    if (allows(bytes)) return
    rawStream.removeAllListeners('data')
    stream.destroy(new CutOff('FRAME', `a frame of ${bytes} bytes`))
  })
}

/** Bytes of the largest frame that begins in the data which a stream is about to read; 0 where none does. */
export function largestFrame(
  { _state, _len, _tmp }: Pick<NoiseStream, '_state' | '_len' | '_tmp'>,
  data: Buffer
): number {
  let most = 0
  let [at, length, unit] = _state === 1 ? [_len - _tmp, 0, 1] : [0, _len, _tmp]
  while (at < data.byteLength) {
    for (; unit < READ && at < data.byteLength; unit *= 256) length += unit * data[at++]!
    if (unit < READ) break
    most = Math.max(most, length)
    at += length
    ;[length, unit] = [0, 1]
  }
  return most
}
