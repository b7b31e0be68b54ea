import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlockProof } from '#spec'
import { hashOf } from '../../../contracts/schema/codec.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { sign } from '../../../contracts/keys/signature.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { DeclineError } from '../../../src/deal/decline.js'
import type { MirrorResult } from '../../world/world.js'
import { assertSpent } from '../../parts/peers/buyers.js'
import { buyCopy, openRogueMarket } from '../../parts/peers/rogue-market.js'
import { shown } from '../../parts/peers/rogues.js'
import type { Rogue, RogueParts } from '../../parts/peers/rogues.js'
import { flipped } from '../../parts/peers/lies.js'
import type { Lies } from '../../parts/peers/lies.js'

const SAT = 1000n
const SAT_PER_GIB = 1000n * 1024n
const CHEAP = 60_000n * SAT_PER_GIB
const INSTALLMENTS = [5n * SAT, 10n * SAT]

interface Case {
  does: string
  says: RegExp
  /** What the buyer has paid when it notices, msat. */
  loses: bigint
  lies: (parts: RogueParts) => Lies
  /** Why its lease is over, where more is known than what the buyer noticed at first. */
  why?: RegExp
  /** Installments of a sat each, so that a second strip is needed. */
  small?: true
}

const first = INSTALLMENTS[0]!
const second = INSTALLMENTS[0]! + INSTALLMENTS[1]!

/** Answers an audit with other proofs than the true ones. */
const showing = (change: (proofs: BlockProof[]) => BlockProof[]) => (): Lies => ({
  audit: async truth => {
    const answer = await truth()
    return { ...answer, body: { ...answer.body, proofs: change(answer.body.proofs) } }
  }
})

const CASES: Case[] = [
  {
    does: 'refuses the payment that it asked for',
    says: /payment of 5 sat for installment 0 failed.*nothing was paid to it/,
    loses: 0n,
    lies: ({ leases, wallet }) => ({
      strip: async (truth, { agreement }) => {
        const answer = await truth()
        await wallet.refuse(leases.get('provider', agreement)!.countersign!.list.installments[0]!.hash)
        return answer
      },
      void: () => {
        throw new DeclineError('INSTALLMENT_REFUSED', 'there is no other')
      }
    })
  },
  {
    does: 'claims that the payment did not come',
    says: /no payment has come; 5 sat were paid to it/,
    loses: first,
    lies: () => ({
      paid: () => {
        throw new DeclineError('NOT_RECEIVED', 'no payment has come')
      }
    })
  },
  {
    does: 'answers the first payment with garbage',
    says: /went away.*; 5 sat were paid to it/,
    loses: first,
    lies: () => ({
      paid: (truth, _body, _from, channel) => {
        channel.stream.write(Buffer.alloc(4096, 0xff))
        return truth()
      }
    })
  },
  {
    does: 'reports no payment and answers with garbage when told of it',
    says: /went away.*; 5 sat were paid to it/,
    loses: first,
    lies: () => ({
      progress: () => {
        throw new DeclineError('NOT_PAID', 'nothing is taken before the first payment')
      },
      paid: (truth, _body, _from, channel) => {
        channel.stream.write(Buffer.alloc(4096, 0xff))
        return truth()
      }
    })
  },
  {
    does: 'denies the payment that it has acknowledged',
    says: /denies what was paid to it: .*nothing was paid.*; 5 sat were paid to it/,
    loses: first,
    lies: () => ({
      progress: () => {
        throw new DeclineError('NOT_PAID', 'nothing was paid')
      }
    })
  },
  {
    does: 'shows an altered block and signs no debt at the end',
    says: /failed an audit: block \d+ of core \d is not proven/,
    why: /failed an audit.*; it owes \d+(\.\d+)? sat and signs no debt/,
    loses: first,
    lies: () => ({
      ...showing(([one, ...rest]) => [{ ...one!, value: flipped(one!.value!) }, ...rest])(),
      end: async truth => {
        const answer = await truth()
        return { ...answer, body: { ...answer.body, debt: null } }
      }
    })
  },
  {
    does: 'takes the payment and refuses the upload',
    says: /declined: the lease is over; 5 sat were paid to it/,
    loses: first,
    lies: () => ({
      progress: () => {
        throw new DeclineError('ENDED', 'the lease is over')
      }
    })
  },
  {
    does: 'gives a receipt with a wrong signature',
    says: /receipt for the upload is not valid/,
    loses: first,
    lies: () => ({
      seal: async truth => {
        const answer = await truth()
        return { ...answer, body: { ...answer.body, signature: flipped(answer.body.signature) } }
      }
    })
  },
  {
    does: 'gives a receipt for another upload',
    says: /receipt for the upload is not valid/,
    loses: first,
    lies: ({ device }) => ({
      seal: async truth => {
        const answer = await truth()
        const stored = { ...answer.body.stored, seal: flipped(answer.body.stored.seal) }
        return { ...answer, body: { stored, signature: sign('stored', stored, device) } }
      }
    })
  },
  {
    does: 'claims that it has stored the data for a month already',
    says: /receipt starts in the future, or before the first payment/,
    loses: first,
    lies: ({ device }) => ({
      seal: async truth => {
        const answer = await truth()
        const stored = { ...answer.body.stored, start: Date.now() - 30 * DAY }
        return { ...answer, body: { stored, signature: sign('stored', stored, device) } }
      }
    })
  },
  {
    does: 'signs for data that it never fetched',
    says: /does not have the copy|failed an audit/,
    loses: first,
    lies: ({ device, leases }) => ({
      progress: (_truth, { agreement }) => {
        const { cores } = leases.get('provider', agreement)!.terms
        const blocks = cores.reduce((sum, core) => sum + core.length, 0)
        return { body: { agreement, blocks, bytes: 1 } }
      },
      seal: (_truth, { seal }) => {
        const stored = { seal: hashOf('seal', seal), start: Date.now(), paidUntil: Date.now() + DAY }
        return { body: { stored, signature: sign('stored', stored, device) } }
      }
    })
  },
  {
    does: 'shows an altered block',
    says: /failed an audit: block \d+ of core \d is not proven/,
    loses: first,
    lies: showing(([one, ...rest]) => [{ ...one!, value: flipped(one!.value!) }, ...rest])
  },
  {
    does: 'shows a proof with a wrong node',
    says: /failed an audit: block \d+ of core \d is not proven/,
    loses: first,
    lies: showing(proofs =>
      proofs.map(proof => ({
        ...proof,
        nodes: proof.nodes.map(node => ({ ...node, hash: flipped(node.hash) })),
        roots: proof.roots.map(node => ({ ...node, hash: flipped(node.hash) }))
      }))
    )
  },
  {
    does: 'shows other blocks than requested',
    says: /failed an audit: block \d+ of core \d is not proven/,
    loses: first,
    lies: showing(proofs => proofs.toReversed())
  },
  {
    does: 'shows too few blocks',
    says: /failed an audit: the answer has \d+ blocks instead of \d+/,
    loses: first,
    lies: showing(proofs => proofs.slice(1))
  },
  {
    does: 'repeats its answer to the first audit in the second',
    says: /failed an audit: the answer is for another audit .*; 15 sat were paid to it/,
    loses: second,
    lies: () => {
      let old: Awaited<ReturnType<Parameters<NonNullable<Lies['audit']>>[0]>> | null = null
      return { audit: async truth => (old ??= await truth()) }
    }
  },
  {
    does: 'does not sign the counter',
    says: /does not sign the counter .*; 15 sat were paid to it/,
    loses: second,
    lies: () => ({
      counter: async truth => {
        const answer = await truth()
        return { ...answer, body: { ...answer.body, provider: flipped(answer.body.provider!) } }
      }
    })
  },
  {
    does: 'asks for other amounts in the second strip',
    says: /list of installments is wrong: installment 64 is 1001 msat, not 1000 .*; 64 sat were paid to it/,
    loses: 64n * SAT,
    small: true,
    lies: ({ device }) => ({
      topup: async truth => {
        const answer = await truth()
        const installments = answer.body.list.installments.map(listed => ({
          ...listed,
          msat: listed.msat + 1n
        }))
        const list = { ...answer.body.list, installments }
        return { ...answer, body: { list, signature: sign('installment-list', list, device) } }
      }
    })
  }
]

test('a buyer leaves every provider that takes the first payment and cheats', async t => {
  const opened = await openRogueMarket(t, 'service')
  const { world, group } = opened
  const rogues: Rogue[] = []
  for (const [i, { does, lies, small }] of CASES.entries()) {
    const price = (small ? 80_000n * SAT_PER_GIB : CHEAP) + BigInt(i)
    const policy = small ? { firstInstallmentMsat: SAT, maxInstallmentMsat: SAT } : {}
    rogues.push(await group.rogue(does.replaceAll(' ', '-'), { price, lies, policy }))
  }
  const { before, finished, notes, leases } = await buyCopy(opened)

  for (const [i, { does, says, why, loses }] of CASES.entries()) {
    await t.test(`a provider that ${does} is left`, () => {
      const { device } = rogues[i]!
      const note = notes.find(text => text.includes(`provider ${shown(device)} failed`))
      assert.ok(note, `a note that names ${shown(device)}: ${notes.join('\n')}`)
      assert.match(note, says)
      if (why) assert.match(note, why)
      const [lease, ...more] = leases.filter(lease => lease.device === formatKey(device))
      assert.deepEqual(more, [])
      assert.equal(lease!.paidMsat, loses.toString())
      if (why) assert.match(lease!.why!, why)
      // Ended, or waiting for the provider's statement of its debt.
      assert.ok((loses === 0n ? ['VOID'] : ['ENDED', 'LAPSING']).includes(lease!.state), lease!.state)
    })
  }

  await t.test('the honest provider is used in the end, and the sums are those of the wallet', async () => {
    assert.equal(finished.code, 0, JSON.stringify(finished.result) + finished.stderr)
    const result = finished.result as unknown as MirrorResult
    assert.equal(result.copies, 1)
    const kept = leases.find(({ id }) => id === result.leases[0])!
    assert.equal(kept.state, 'STORED')
    assert.equal(kept.paidMsat, result.paidMsat)
    const after = await world.wallet('buyer')
    // One channel to the rogues, which share a Lightning node, and one to the honest provider.
    assertSpent({ leases, spent: before.spendable - after.spendable, channels: 2 })
  })

  await t.test('every refused provider was named to the user, and no other', () => {
    const failed = notes.filter(text => text.includes(' failed: '))
    assert.equal(failed.length, CASES.length)
    assert.deepEqual(group.faults, [])
  })
})
