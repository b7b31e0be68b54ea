import { Home } from '../../../src/identity/home.js'
import { openNode } from '../../../src/node/node.js'
import { BushelError } from '../../../contracts/errors/error.js'
import type { Line } from '../../../bin/demo/processes.js'
import type { Method, Params } from '../../../src/node/api/api.js'
import { faultLog } from '../../doubles/fault-log.js'

/** Timeouts that are a minute by default are seconds here; a seller's fault is seen, however slow the machine. */
const SHORT_TIMEOUTS = {
  connect: 5000,
  grace: 60_000,
  quote: 3000,
  answer: 3000,
  seal: 3000,
  audit: 2000,
  upload: 3000,
  reach: 6000,
  payment: 4000,
  restore: 5000,
  spare: 60_000
}

export type ShortTimeouts = typeof SHORT_TIMEOUTS

/** A child process that makes one call as the executable does, by a node with short timeouts. */
const [dir, host, port, method, params, changed = '{}'] = process.argv.slice(2)
const home = await Home.open(dir!)
const say = (line: Line): void => void process.stdout.write(JSON.stringify(line) + '\n')
const log = faultLog(error => say({ event: 'fault', message: String(error) }))
const timeouts = { ...SHORT_TIMEOUTS, ...(JSON.parse(changed) as Partial<typeof SHORT_TIMEOUTS>) }
const bootstrap = [{ host: host!, port: Number(port) }]
const node = await openNode({ home, bootstrap, serve: false, timeouts, log })
try {
  const onProgress = (progress: object): void => say({ ...progress })
  const context = { onProgress, signal: new AbortController().signal }
  const result = await node.call(method as Method, JSON.parse(params!) as Params<Method>, context)
  say({ ...result })
} catch (error) {
  if (!(error instanceof BushelError)) throw error
  say({ error: error.toJSON() })
  process.exitCode = error.exit
} finally {
  await node.close()
}
