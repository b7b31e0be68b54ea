import { writeFile } from 'node:fs/promises'
import { MIB } from '../../contracts/money/quantity.js'
import type { World } from '../../test/world/world.js'
import type { Figure, Settings } from '../figure.js'
import { Actor, inWorld } from '../stage.js'
import { writeFileOf } from '../storage/goods.js'
import type { AttackOrder } from './attackers/attacker.js'
import { bootstrapOf } from './connections.js'

const MOST_MORE_S = 30
/** As many asks of a book are shown. */
const SHOWN = 1000
/** How long a mirror is waited for at most, s. */
const PATIENCE = 300
const QUICK_PATIENCE = 60

/** How long a `mirror` takes when the book is full of cheaper offers of nobody. */
export async function fakeAsks({ quick, say }: Settings): Promise<Figure[]> {
  const count = quick ? 300 : 5000
  const patience = quick ? QUICK_PATIENCE : PATIENCE
  return inWorld(async world => {
    const rules = world.at('rules.json')
    await writeFile(rules, JSON.stringify({ stampBits: 0 }))
    const market = await world.found('founder', 'main', '--rules', rules)
    await world.seller('provider', market, '2000 sat/GiB-month')
    await world.join('buyer', market)
    await world.book('buyer', ({ asks }) => asks.length === 1)
    const file = world.at('file')
    await writeFileOf(file, MIB)
    await mirror(world, file, patience) // it makes the channel of the payments
    const without = await mirror(world, file, patience)
    if (without.failed) throw new Error(`an honest mirror failed: ${without.failed}`)

    const founder = await world.ok<{ device: string }>('founder', ['status'])
    const attacker = new Actor('strangers/attackers/attacker', {
      bootstrap: [bootstrapOf(world)],
      targets: [{ device: founder.device, market, isRelay: true }],
      folder: world.at(),
      kinds: [],
      count: 0,
      againMs: null,
      stayMs: null,
      nice: 0,
      fakeAsks: { count, bits: 0, resources: ['storage'] }
    } satisfies AttackOrder)
    try {
      const { failed } = await attacker.hear<{ failed?: string }>()
      if (failed) throw new Error(failed)
    } finally {
      await attacker.end()
    }
    await world.book('buyer', ({ asks, inStep }) => inStep && asks.length === Math.min(count + 1, SHOWN))
    say(`${count} fake asks are on the book`)
    const { seconds, failed } = await mirror(world, file, patience)
    say(
      `mirror took ${without.seconds.toFixed(1)} s, then ${seconds.toFixed(1)} s${failed ? `: ${failed}` : ''}`
    )
    const name = `mirror beside ${count} fake asks`
    const note = failed ? `it failed after ${seconds.toFixed(1)} s: ${failed}` : '1 MiB, 1 copy'
    const measured = failed ? Infinity : seconds
    return [
      {
        name,
        measured,
        unit: 's',
        baseline: { name: 'the same before them', value: without.seconds },
        note
      },
      {
        name: `${name}, time more`,
        measured: measured - without.seconds,
        unit: 's',
        target: { atMost: MOST_MORE_S }
      }
    ]
  })
}

async function mirror(
  world: World,
  file: string,
  patience: number
): Promise<{ seconds: number; failed: string | null }> {
  const begun = performance.now()
  const command = ['mirror', file, '--copies', '1', '--time', '30d']
  const started = world.processes.start(command, { home: world.at('buyer') })
  const timer = setTimeout(() => void started.kill('SIGINT'), patience * 1000)
  const { code } = await started.ended
  clearTimeout(timer)
  const seconds = (performance.now() - begun) / 1000
  return { seconds, failed: code === 0 ? null : JSON.stringify(started.lines.at(-1)?.['error'] ?? code) }
}
