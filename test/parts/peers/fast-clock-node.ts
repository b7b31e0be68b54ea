import { once } from 'node:events'
import { DAY, HOUR, MIB } from '../../../contracts/money/quantity.js'
import { Home } from '../../../src/identity/home.js'
import { openNode } from '../../../src/node/node.js'
import { quiet } from './rogues.js'

/**
 * A child process with a node as `up` runs it, whose clock is `days` ahead. Sells when the clock is right.
 */
const [dir, host, port, days, price] = process.argv.slice(2)
const ahead = Number(days) * DAY
const node = await openNode({
  home: await Home.open(dir!),
  bootstrap: [{ host: host!, port: Number(port) }],
  serve: true,
  now: () => Date.now() + ahead
})
const offer = { space: 64 * MIB, price: price!, minTime: HOUR, maxTime: 365 * DAY, region: '' }
const id = ahead === 0 ? (await node.call('sell.storage', offer, quiet)).id : ''
const stopped = once(process, 'SIGTERM')
process.stdout.write(JSON.stringify({ event: 'ready', id, device: node.device }) + '\n')
await stopped
await node.close()
