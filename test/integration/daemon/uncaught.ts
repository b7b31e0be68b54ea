/** A daemon whose process ends by an error that nobody catches: thrown, or a rejection, as the last argument says. */
import { Daemon } from '../../../src/daemon/daemon.js'
import { FakeNode } from '../../doubles/fake-node.js'

const [home, how] = process.argv.slice(2)
const daemon = new Daemon({
  home: home!,
  bootstrap: null,
  openNode: () => Promise.resolve(new FakeNode())
})
await daemon.ready()
const error = new Error(`out of ${how}`)
if (how === 'reject') void Promise.reject(error)
else
  setImmediate(() => {
    throw error
  })
