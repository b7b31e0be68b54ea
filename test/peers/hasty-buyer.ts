import { Home } from '../../src/identity/home.js'
import { openNode } from '../../src/node.js'
import { BushelError } from '../../contracts/errors.js'
import type { Line } from '../../bin/demo/processes.js'
import { DAY } from '../../contracts/quantity.js'

/** What takes a minute by default takes seconds here. */
const HASTE = {
  connect: 5000,
  quote: 3000,
  answer: 3000,
  seal: 3000,
  audit: 2000,
  upload: 3000,
  reach: 6000,
  payment: 4000
}

/** `mirror` as the executable does it, in a process of its own, by a node that has less patience. */
const [dir, host, port, path] = process.argv.slice(2)
const home = await Home.open(dir!)
const say = (line: Line): void => void process.stdout.write(JSON.stringify(line) + '\n')
const onfault = (error: unknown): void => say({ event: 'fault', message: String(error) })
const bootstrap = [{ host: host!, port: Number(port) }]
const node = await openNode({ home, bootstrap, serve: false, patience: HASTE, onfault })
try {
  const onProgress = (progress: object): void => say({ ...progress })
  const context = { onProgress, signal: new AbortController().signal }
  const result = await node.call('mirror', { path: path!, copies: 1, time: 30 * DAY }, context)
  say({ ...result })
} catch (error) {
  if (!(error instanceof BushelError)) throw error
  say({ error: error.toJSON() })
  process.exitCode = error.exit
} finally {
  await node.close()
}
