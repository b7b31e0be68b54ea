import { setPriority } from 'node:os'
import { orderOf } from '../../stage.js'

// Puts as much load on the processor as it may, and on nobody else.

setPriority(orderOf<{ nice: number }>().nice)
process.on('disconnect', () => process.exit())

function work(): void {
  const until = performance.now() + 20
  while (performance.now() < until);
  setImmediate(work)
}

work()
