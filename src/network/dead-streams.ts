import type { EventEmitter } from 'node:events'
import type { NoiseStream } from 'hyperdht'
import type { Cancel, Clock } from '../base/clock.js'

/** How long what came during the gap is read, ms. */
const SETTLE = 2000
/** Every node sends something at least every 5 s, ms. */
const SILENCE = 12_000

const SILENT =
  'nothing has come over this connection since this machine stood still, or its network was interrupted'

/**
 * Ends the connections over which nothing comes any more after this machine stood still, or its network was interrupted:
 * their peers have closed them or send to an address that was ours, and UDX takes minutes to notice. Who waits for a device
 * dials it again then.
 */
export function endDeadStreams(
  streams: () => readonly Pick<NoiseStream, 'rawStream' | 'destroy'>[],
  clock: Pick<Clock, 'onGap' | 'after'>,
  interruptions: EventEmitter
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
  const begin = (): void => {
    cancel()
    cancel = clock.after(SETTLE, look, { unref: true })
  }
  const unhear = clock.onGap(begin)
  interruptions.on('interrupted', begin)
  return () => {
    unhear()
    interruptions.off('interrupted', begin)
    cancel()
  }
}
