import { Daemon, checkDaemon } from '../../../daemon/daemon.js'
import { endOf } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { facts } from '../../output/table.js'

/** Runs the node in the foreground until a signal stops it. */
export const run: Action = async ({ access, dryRun, output, signal }) => {
  if (dryRun) {
    const result = { ...(await checkDaemon(access.home)), dryRun }
    output.print(result, () => `would run the node of device ${result.device}`)
    return
  }
  const { home, bootstrap, onnote, onfault } = access
  const daemon = new Daemon({
    home,
    bootstrap,
    ...(onnote ? { onnote } : {}),
    ...(onfault ? { onfault } : {})
  })
  try {
    await daemon.ready()
    signal.throwIfAborted()
    const ready = await daemon.describe()
    output.print(ready, () => [
      ...facts([
        ['identity', ready.identity],
        ['device', ready.device],
        ['address', `${ready.host}:${ready.port}`],
        ['market', ready.market ?? 'none yet; join one with: bushel market join KEY'],
        ['process', String(ready.pid)]
      ]),
      'The node is up. Stop it with Ctrl-C.'
    ])
    await endOf(signal)
  } finally {
    await daemon.close()
  }
}
