import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { jobId } from '../../../contracts/job.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { sign } from '../../../contracts/keys/signature.js'
import { DeclineError } from '../../../src/deal/decline.js'
import type { DeclineWord } from '../../../src/deal/decline.js'
import { OWN_CODES, answerWithLies } from '../../parts/peers/lies.js'
import { openBuyerJobs, workRequest } from '../../integration/compute/pair/buyer-jobs.js'
import { PRICE, NodeGroup, never, sellCompute } from '../../integration/compute/pair/node-group.js'
import { sandboxes } from '../../integration/compute/pair/sandboxes.js'

/** 33 bytes that are not a point of the curve. */
const INVALID_NODE_ID = Buffer.alloc(33, 9)

test(
  'a job passes to another provider when one declines with our own error codes',
  { timeout: 240_000 },
  async t => {
    const group = await NodeGroup.open(t)
    const worker = {
      openSandbox: sandboxes({ warm: 1 }),
      settings: { allowProcess: true, cores: 1 }
    }
    const rogue = await group.node('rogue', { worker })
    const other = await group.node('other', { worker })
    const buyer = await group.node('buyer', { serve: false })
    const price = PRICE / 10n
    const offers = [await sellCompute(rogue, { price }), await sellCompute(other, { price: price + 1n })]
    const [lying, buys] = [await rogue.trade(), await buyer.trade()]
    const notes: string[] = []
    const listener = {
      note: (message: string) => void notes.push(message),
      state: () => undefined,
      paid: () => undefined
    }
    const { jobs, experiences, forget } = await openBuyerJobs(t, buyer, {
      offers,
      folder: join(group.dir, 'jobs'),
      listener
    })

    let word = ''
    let at: 'quote' | 'agree' | 'jobProgress' | 'jobReveal' | null = null
    const declining =
      (method: 'quote' | 'agree' | 'jobProgress' | 'jobReveal') =>
      async <T>(truth: () => Promise<T>): Promise<T> => {
        if (method === at) throw new DeclineError(word as DeclineWord, `my ${word}`)
        return truth()
      }
    const { device } = rogue.home
    answerWithLies(lying.deals, {
      hello: async truth => {
        const { body } = await truth()
        return { body: at ? body : { ...body, lightning: INVALID_NODE_ID } }
      },
      quote: declining('quote'),
      agree: async (truth, request) => {
        if (at) return declining('agree')(truth)
        const terms = decode('job-terms', request.terms)
        const agreement = jobId(terms)
        const signature = sign('job-terms', terms, device)
        return { body: { agreement, body: encode('job-countersign', { agreement, signature }) } }
      },
      jobProgress: declining('jobProgress'),
      jobReveal: declining('jobReveal')
    })

    const run = async (input: string): Promise<void> => {
      const outcome = await jobs.run(
        workRequest(offers[0]!.market, '10', { input: { stdin: Buffer.from(input), files: [] } }),
        listener,
        never
      )
      assert.equal(outcome.status, 'ok')
      const last = outcome.providers.at(-1)!
      assert.deepEqual([last.device, last.verdict], [formatKey(other.home.device.publicKey), 'equal'])
    }

    await t.test('a provider with an invalid Lightning node id passes the job on', async () => {
      await run('no node')
      assert.match(notes.join('\n'), /no Lightning node id/)
      notes.length = 0
    })
    await assert.rejects(buys.deals.open(device.publicKey), { code: 'NO_DEAL' })

    for (at of ['quote', 'agree', 'jobProgress', 'jobReveal'] as const) {
      for (word of OWN_CODES) {
        await t.test(`a decline of ${at} with ${word} passes the job on`, async () => {
          forget() // it is asked first again
          await run(`${at} ${word}`)
          assert.match(notes.join('\n'), new RegExp(`declined: my ${word}`))
          notes.length = 0
          assert.equal(experiences().of(rogue.home.identity)?.bad ?? 0, 0)
        })
      }
    }
    assert.deepEqual(group.faults, [])
  }
)
