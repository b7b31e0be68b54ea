import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { KillHarness } from './kill-harness.js'
import { sequence } from './seed.js'

const SEED = process.env['BUSHEL_GATE_SEED'] ?? randomBytes(4).toString('hex')

/** Tests that deals survive this number of kills at random moments. */
export function testRandomKills(count: number): void {
  const name = `deals survive ${count} kills at random moments of one side, its Lightning process, or both (seed ${SEED})`
  test(name, async t => {
    t.diagnostic(`again with BUSHEL_GATE_SEED=${SEED}`)
    const harness = await KillHarness.open(t)
    const random = sequence(SEED)
    const victims = { buyer: 0, provider: 0, both: 0, lightning: 0 }
    let kills = 0
    while (kills < count) {
      const trading = harness.deal().then(lease => (random() < 0.3 ? harness.end(lease) : undefined))
      trading.catch(() => undefined) // awaited below
      let over = false
      const done = trading.finally(() => (over = true))
      done.catch(() => undefined) // awaited below
      for (let strikes = 0; !over && kills < count; strikes++) {
        // Kills get rarer within a deal, so that it ends on a slow machine too.
        await Promise.race([pause(100 + random() * 900 * (1 + strikes / 12)), done])
        if (over) break
        const who = random()
        const side = random() < 0.5 ? harness.buyer : harness.provider
        if (who < 0.2) {
          if (!(await harness.retry(() => side.ask<boolean>({ do: 'kill-lightning' })))) continue
          victims.lightning++
        } else if (who < 0.4) {
          await Promise.all([harness.buyer.kill(), harness.provider.kill()])
          victims.both++
        } else {
          await side.kill()
          victims[side === harness.buyer ? 'buyer' : 'provider']++
        }
        kills++
        await harness.restartKilled()
      }
      await trading
      await harness.settle()
    }
    t.diagnostic(`killed: ${JSON.stringify(victims)}`)
  })
}
