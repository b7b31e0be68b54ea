import type { EventEmitter } from 'node:events'
import type { NoiseStream } from 'hyperdht'
import type { Cancel, Clock } from '../base/clock.js'

/** How long what came during the gap is read, ms. */
const SETTLE = 2000
/** Every node sends something at least every 5 s, ms. */
const SILENCE = 12_000
/** The same once each peer was asked to say something: less than a seller is waited for, with the dial that follows, ms. */
const PROBED = 6000

const SILENT =
  'nothing has come over this connection since this machine stood still, or its network was interrupted'

/**
 * Ends the connections over which nothing comes any more after this machine stood still, or its network was interrupted:
 * their peers have closed them or send to an address that was ours, and UDX takes minutes to notice. Who waits for a device
 * dials it again then.
 */
export function endDeadStreams(
  streams: () => readonly Pick<NoiseStream, 'rawStream' | 'destroy' | 'sendKeepAlive'>[],
  clock: Pick<Clock, 'onGap' | 'after'>,
  interruptions: EventEmitter
): Cancel {
  let cancel: Cancel = () => undefined
  const look = (ms: number): void => {
    const received = streams().map(stream => ({ stream, bytes: stream.rawStream.bytesReceived }))
    cancel = clock.after(
      ms,
      () => {
        for (const { stream, bytes } of received)
          if (stream.rawStream.bytesReceived === bytes) stream.destroy(new Error(SILENT))
      },
      { unref: true }
    )
  }
  const unhear = clock.onGap(() => {
    cancel()
    cancel = clock.after(SETTLE, () => look(SILENCE), { unref: true })
  })
  const probe = (): void => {
    cancel()
    for (const stream of streams()) stream.sendKeepAlive()
    look(PROBED)
  }
  interruptions.on('interrupted', probe)
  return () => {
    unhear()
    interruptions.off('interrupted', probe)
    cancel()
  }
}
