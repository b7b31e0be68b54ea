import { join } from 'node:path'
import createTestnet from 'hyperdht/testnet.js'
import type { AuthorCost, AuthorOrder } from './author.js'
import type { RelayCost, RelayOrder, RelayReady } from './relay.js'
import type { Figure, Settings } from '../figure.js'
import { Actor, inFolder } from '../stage.js'

interface Round {
  name: string
  /** Orders that are revised in turn. */
  of: number
  /** Revisions of each. */
  times: number
  note: string
}

const ORDERS = 64

/** What a revision of an order that is handed in alone costs the relay, beside what it costs its author. */
export async function relayCost({ quick, say }: Settings): Promise<Figure[]> {
  return inFolder(async folder => {
    const net = await createTestnet(3)
    const { bootstrap } = net
    const relay = new Actor('strangers/relay', { folder: join(folder), bootstrap } satisfies RelayOrder)
    try {
      const ready = await relay.hear<RelayReady>()
      const author = new Actor('strangers/author', {
        bootstrap,
        ...ready,
        orders: ORDERS
      } satisfies AuthorOrder)
      try {
        await author.hear()
        const run = async ({ of, times }: Round): Promise<[AuthorCost, RelayCost]> => {
          author.tell({ of, times })
          const theirs = await author.hear<AuthorCost>()
          relay.tell('tell' as never)
          return [theirs, await relay.hear<RelayCost>()]
        }
        const few = quick ? 8 : ORDERS
        await run({ name: 'new orders', of: few, times: 1, note: '' })
        const rounds: Round[] = [
          { name: 'first revisions of many orders', of: few, times: 1, note: 'each handed in alone' },
          { name: 'ever more revisions of one', of: 1, times: quick ? 20 : 200, note: 'each handed in alone' }
        ]
        const figures: Figure[] = []
        for (const round of rounds) {
          const [theirs, ours] = await run(round)
          const { handedIn, refused } = theirs
          say(
            `${round.name}: ${handedIn} handed in, ${refused} refused; relay ${(ours.cpu / handedIn).toFixed(1)} ms and ` +
              `${Math.round(ours.bytes / handedIn)} bytes each, author ${(theirs.cpu / handedIn).toFixed(1)} ms`
          )
          figures.push({
            name: `relay: ${round.name}`,
            measured: ours.cpu / handedIn,
            unit: 'ms',
            baseline: { name: 'processor time of its author', value: theirs.cpu / handedIn },
            target: { atMost: 1 },
            note: `${round.note}, ${Math.round(ours.bytes / handedIn)} bytes of disk`
          })
        }
        return figures
      } finally {
        await author.end()
      }
    } finally {
      await relay.end()
      await net.destroy()
    }
  })
}
