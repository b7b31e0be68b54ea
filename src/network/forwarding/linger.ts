import type { NoiseStream } from 'hyperdht'
import type { Clock } from '../../base/clock.js'

/** Time for a packet that is lost to be sent again, several times, ms. */
const LINGER = 5000

/**
 * Keeps a connection to a forwarder for some seconds after hyperdht ends it. One side of a connection may open over the
 * forwarder while the other side has found the direct path, and ends the forwarding at once: what the first side has sent
 * by then never comes, UDX sends it again only over the forwarder, and everything after it waits for it.
 */
export function linger(stream: NoiseStream, clock: Pick<Clock, 'after'>): void {
  const [destroy, end] = [stream.destroy.bind(stream), stream.end.bind(stream)]
  let isEnding = false
  const later = (work: () => void): NoiseStream => {
    if (!isEnding) stream.once('close', clock.after(LINGER, work, { unref: true }))
    isEnding = true
    return stream
  }
  stream.destroy = error => (error || stream.rawStream.destroyed ? destroy(error) : later(() => destroy()))
  stream.end = () => later(() => end())
}
