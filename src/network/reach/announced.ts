import type { Server } from 'hyperdht'
import type { Cancel, Clock } from '../../base/clock.js'

/** ms */
const EVERY = 5000

/**
 * Announces a server again that no node knows of. hyperdht itself would wait five minutes: it takes one lookup without an
 * answer, as while a cable is out, for a success, and withdraws what it had announced before.
 */
export function keepAnnounced(
  servers: () => Iterable<Pick<Server, '_announcer' | 'refresh'>>,
  clock: Pick<Clock, 'after'>
): Cancel {
  let cancel: Cancel = () => undefined
  const look = (): void => {
    for (const server of servers()) if (server._announcer?.relays.length === 0) server.refresh()
    cancel = clock.after(EVERY, look, { unref: true })
  }
  cancel = clock.after(EVERY, look, { unref: true })
  return () => cancel()
}
