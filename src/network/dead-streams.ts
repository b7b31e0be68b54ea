import type { NoiseStream } from 'hyperdht'
import type { Cancel, Clock } from '../base/clock.js'

/** How long what came during the gap is read, ms. */
const SETTLE = 2000
/** Every node sends something at least every 5 s, ms. */
const SILENCE = 12_000

const SILENT = 'nothing has come over this connection since this machine stood still'

/**
 * Ends the connections over which nothing comes any more after this machine stood still: their peers have closed them, and
 * UDX takes minutes to notice. Who waits for a device dials it again then.
 */
export function endDeadStreams(
  streams: () => readonly Pick<NoiseStream, 'rawStream' | 'destroy'>[],
  clock: Pick<Clock, 'onGap' | 'after'>
): Cancel {
  let cancel: Cancel = () => undefined
  const look = (): void => {
    const received = streams().map(stream => ({ stream, bytes: stream.rawStream.bytesReceived }))
    cancel = clock.after(
      SILENCE,
      () => {
        for (const { stream, bytes } of received)
          if (stream.rawStream.bytesReceived === bytes) stream.destroy(new Error(SILENT))
      },
      { unref: true }
    )
  }
  const unhear = clock.onGap(() => {
    cancel()
    cancel = clock.after(SETTLE, look, { unref: true })
  })
  return () => {
    unhear()
    cancel()
  }
}
