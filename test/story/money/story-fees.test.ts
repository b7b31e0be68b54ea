import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import test from 'node:test'
import type { RunEstimate } from '../../../src/node/api/api.js'
import { program } from '../../parts/compute/jobs.js'
import { bookWhen } from '../../world/compute.js'
import { Lightning } from '../../world/lightning.js'
import { World } from '../../world/world.js'

interface Paid {
  feeMsat: string
}

test('fees count in dry runs, against what can be spent and against limits', async t => {
  const world = await World.open(t)
  const lightning = new Lightning(world)
  const market = await world.found('founder', 'bazaar')
  await Promise.all([lightning.join('seller', market), lightning.join('buyer', market)])
  // The hop takes 1 sat and 1000 ppm.
  await lightning.at('buyer').hop(lightning.at('seller'), { msat: 300_000n })
  const { spendable } = await world.wallet('buyer')
  const invoice = async (msat: bigint): Promise<string> =>
    (await world.ok<{ invoice: string }>('seller', ['wallet', 'invoice', `${msat} msat`])).invoice
  const refused = async (code: string, args: string[]): Promise<string> => {
    const failure = await world.fails('buyer', args, 5)
    assert.equal(failure.code, code, failure.message)
    return failure.message
  }

  await t.test(
    'an invoice is refused for its fee, with the reason, and a dry run says the same',
    async () => {
      const due = await invoice(40_000n)
      const pay = ['wallet', 'pay', due]
      assert.equal((await world.ok<Paid>('buyer', [...pay, '--dry-run'])).feeMsat, '1040')
      for (const more of [[], ['--dry-run']]) {
        assert.match(
          await refused('OVER_LIMIT', [...pay, '--max', '41 sat', ...more]),
          /fee of about 1\.04 sat/
        )
        await world.ok('buyer', ['wallet', 'limits', '--deal', '41 sat'])
        assert.match(await refused('OVER_LIMIT', [...pay, ...more]), /over the limit of 41 sat/)
        await world.ok('buyer', ['wallet', 'limits', '--deal', 'none'])
        const all = await invoice(spendable - 1_000n)
        assert.match(
          await refused('NO_ROUTE', ['wallet', 'pay', all, ...more]),
          /though \d+(\.\d+)? sat can be sent/
        )
        const beyond = await invoice(spendable + 1_000n)
        assert.match(
          await refused('NO_BALANCE', ['wallet', 'pay', beyond, ...more]),
          /the balance is too small/
        )
      }
      assert.deepEqual(await lightning.paid('buyer'), [])
      assert.equal((await world.ok<Paid>('buyer', [...pay, '--max', '41.04 sat'])).feeMsat, '1040')
    }
  )

  await t.test('the dry run of a job tells its fees, and refuses what cannot be paid with them', async () => {
    await world.ok('seller', [
      'sell',
      'compute',
      '--cores',
      '1',
      '--memory',
      '1GiB',
      '--allow-process',
      '--price',
      '40 sat/Gfuel'
    ])
    await bookWhen(world, 'buyer', ({ asks }) => asks.length === 1)
    const module = world.at('sha256.wasm')
    await writeFile(module, program('sha256'))
    const run = ['run', module, '--verify', '1', '--max', '36 sat', '--dry-run']
    // Payments of 1, 5, 10 and 20 sat, each with a fee of up to 5 sat.
    assert.equal((await world.ok<RunEstimate>('buyer', run)).feesMsat, '20000')
    await world.ok('buyer', ['wallet', 'limits', '--deal', '55 sat'])
    assert.match(await refused('OVER_LIMIT', run), /over the limit of 55 sat/)
    await world.ok('buyer', ['wallet', 'limits', '--deal', '56 sat'])
    await world.ok('buyer', run)

    const { spendable: left } = await world.wallet('buyer')
    await world.ok('buyer', ['wallet', 'limits', '--deal', 'none'])
    await world.ok('buyer', ['wallet', 'pay', await invoice(left - 15_000n)])
    assert.match(await refused('NO_BALANCE', run), /6 sat and up to 10 sat of fees/)
  })
})
