import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import test from 'node:test'
import type { CheckResult, LeaseEntry, StatusResult, WalletEntry } from '../../../src/node/api/api.js'
import { Lightning } from '../../world/lightning.js'
import { settled } from '../../world/payments.js'
import { isPayment } from '../../world/resume.js'
import { look, makeTree, noise } from '../../samples/tree.js'
import { World } from '../../world/world.js'
import type { MirrorResult } from '../../world/world.js'

const CAPACITY = 100_000_000n

interface LogLine {
  step: string
  role: string
  kind: string
  msat: string
  hash: string
  agreement: string
}

test('over Core Lightning the story runs from sale to restore, refund and balanced books', async t => {
  const world = await World.open(t)
  const lightning = new Lightning(world)
  const market = await world.found('founder', 'bazaar')
  const source = world.at('source')
  await makeTree(source, { 'film.bin': noise('cln', 3 << 20), 'notes/a.txt': 'a' })
  const [seller] = await Promise.all([
    lightning.join('seller', market),
    lightning.join('spare', market),
    lightning.join('buyer', market)
  ])
  const offer = ['sell', 'storage', '--space', '256MiB', '--price', '2000 sat/GiB-month']
  let mirror: MirrorResult
  let lease: LeaseEntry

  await t.test(
    'nothing is offered without room to receive, and the status says how much room there is',
    async () => {
      const failure = await world.fails('seller', offer, 5)
      assert.equal(failure.code, 'NO_INBOUND')
      const notes = async (): Promise<string> =>
        (await world.ok<StatusResult>('seller', ['status'])).notes.join()
      assert.match(await notes(), /can receive 0 sat/)
      const buyer = lightning.at('buyer')
      await buyer.channel(lightning.at('seller'), CAPACITY, CAPACITY / 2n)
      await buyer.channel(lightning.at('spare'), CAPACITY, CAPACITY / 2n)
      assert.match(await notes(), /can receive 49.000 sat/u)
      assert.deepEqual((await world.book('founder', book => book.inStep)).asks, [])
    }
  )

  await t.test('a mirror is paid by installments while the buyer’s lightningd is killed midway', async () => {
    await world.ok('seller', offer)
    await world.sell('spare', '9000 sat/GiB-month')
    await world.book('buyer', book => book.asks.length === 2)
    const mirroring = world.processes.start(
      ['mirror', source, '--copies', '1', '--time', '365d', '--ahead', 'all'],
      {
        home: world.at('buyer')
      }
    )
    await mirroring.line(isPayment(0))
    await lightning.at('buyer').kill()
    await mirroring.line(
      line => line['event'] === 'progress' && line['step'] === 'upload' && line['done'] === line['total']
    )
    await lightning.at('buyer').start()
    assert.equal((await mirroring.ended).code, 0, JSON.stringify(mirroring.lines.at(-1)))
    mirror = mirroring.lines.at(-1) as unknown as MirrorResult
    assert.deepEqual(
      mirroring.lines.filter(line => line['event'] === 'note'),
      [],
      'no provider was blamed or replaced'
    )
    const [bought, sold] = [await world.leases('buyer'), await world.leases('seller')]
    lease = bought[0]!
    assert.deepEqual([bought.length, lease.device, lease.state], [1, seller.device, 'STORED'])
    assert.equal(settled(bought, sold), BigInt(mirror.paidMsat))
    const paid = await lightning.paid('buyer')
    assert.equal(new Set(paid.map(({ hash }) => hash)).size, paid.length, 'each hash once')
    assert.equal(
      paid.reduce((sum, { msat }) => sum + msat, 0n),
      BigInt(mirror.paidMsat)
    )
    assert.ok(lease.receipts.length >= 4)
  })

  await t.test('a holder of the link restores it without any Lightning', async () => {
    await world.home('reader')
    await world.ok('reader', ['restore', mirror.link, world.at('restored')])
    assert.deepEqual(await look(world.at('restored')), await look(source))
  })

  await t.test('wallet and history say what was paid and for what', async () => {
    const { backend, network, nodeId } = await world.ok('buyer', ['wallet'])
    const id = lightning.at('buyer').nodeId.toString('hex')
    assert.deepEqual([backend, network, nodeId], ['cln', 'regtest', id])
    const { spendable } = await world.wallet('buyer')
    assert.equal(spendable, CAPACITY - CAPACITY / 50n - BigInt(mirror.paidMsat))
    for (const [name, direction] of [
      ['buyer', 'sent'],
      ['seller', 'received']
    ] as const) {
      const { records } = await world.ok<{ records: WalletEntry[] }>(name, ['wallet', 'history'])
      assert.equal(records.length, lease.receipts.length)
      assert.deepEqual(
        new Set(records.map(one => `${one.direction} ${one.kind} ${one.status}`)),
        new Set([`${direction} installment succeeded`])
      )
      const sum = records.reduce((all, { msat }) => all + BigInt(msat), 0n)
      assert.equal(sum, BigInt(mirror.paidMsat))
    }
  })

  await t.test('the log shows, filters and exports every step', async () => {
    const read = async (...args: string[]): Promise<LogLine[]> =>
      (await world.ok<{ entries: LogLine[] }>('buyer', ['log', ...args])).entries
    const all = await read()
    const paid = await read('--step', 'paid', '--lease', lease.id.slice(0, 8), '--kind', 'installment')
    assert.equal(
      paid.reduce((sum, { msat }) => sum + BigInt(msat), 0n),
      BigInt(mirror.paidMsat)
    )
    assert.deepEqual(
      paid,
      all.filter(({ step }) => step === 'paid')
    )
    assert.deepEqual(await read('--peer', seller.identity), all)
    assert.deepEqual(await read('--kind', 'refund'), [])
    assert.deepEqual(await read('--since', '1h'), all)
    assert.deepEqual(await read('--since', '2999-01-01'), [])
    assert.deepEqual(await read('--limit', '2'), all.slice(-2))

    const out = world.at('books.csv')
    assert.equal((await world.ok('buyer', ['log', '--format', 'csv', '--out', out])).entries, all.length)
    const [head, ...rows] = (await readFile(out, 'utf8')).trimEnd().split('\n')
    const columns = head!.split(',')
    const cell = (row: string, name: string): string => row.split(',')[columns.indexOf(name)]!
    assert.equal(rows.length, all.length)
    for (const row of rows) assert.equal(row.split(',').length, columns.length)
    const sum = rows
      .filter(row => cell(row, 'step') === 'paid')
      .reduce((msat, row) => msat + BigInt(cell(row, 'sat').replace('.', '')), 0n)
    assert.equal(sum, BigInt(mirror.paidMsat))
    const lines = await world.run('buyer', ['log', '--format', 'json'])
    assert.deepEqual(lines.lines, all)
  })

  await t.test('anybody can check a receipt, and a changed one does not hold', async () => {
    const file = world.at('receipt.json')
    await world.ok('buyer', ['receipt', 'export', lease.id, '--installment', '1', '--out', file])
    const verdict = await world.ok('nobody', ['receipt', 'verify', file])
    assert.deepEqual([verdict.ok, verdict.agreement, verdict.installment], [true, lease.id, 1])
    assert.equal(verdict.msat, lease.receipts.find(({ installment }) => installment === 1)!.msat)
    const theirs = world.at('theirs.json')
    await world.ok('seller', ['receipt', 'export', lease.id, '--installment', '1', '--out', theirs])
    assert.equal(await readFile(theirs, 'utf8'), await readFile(file, 'utf8'), 'both sides prove the same')

    const good = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
    const changes: [change: object, fault: RegExp][] = [
      [{ preimage: '00'.repeat(32) }, /preimage does not match/],
      [{ installment: 2 }, /preimage does not match/],
      [{ buyer: '00'.repeat(64) }, /buyer did not sign/],
      [{ agreement: seller.device }, /another agreement/]
    ]
    for (const [change, fault] of changes) {
      await writeFile(file, JSON.stringify({ ...good, ...change }))
      const { code, result } = await world.run('nobody', ['receipt', 'verify', file])
      assert.deepEqual([code, result['ok']], [1, false])
      assert.match((result['faults'] as string[]).join(), fault)
    }
    await writeFile(file, 'a receipt')
    assert.equal((await world.fails('nobody', ['receipt', 'verify', file], 2)).code, 'BAD_RECEIPT')
  })

  await t.test(
    'the unserved time is paid back when the lease ends, and the books of both add up',
    async () => {
      await world.ok('buyer', ['leases', 'end', lease.id])
      const refunds = await lightning.paid('seller')
      assert.equal(refunds.length, 1)
      const back = refunds[0]!.msat
      const paid = BigInt(mirror.paidMsat)
      assert.ok(back > (paid * 9n) / 10n && back < paid, `${back} of ${paid} msat came back`)
      const { entries } = await world.ok<{ entries: LogLine[] }>('buyer', ['log', '--kind', 'refund'])
      assert.ok(entries.some(({ step, msat }) => step === 'received' && BigInt(msat) === back))
      for (const name of ['buyer', 'seller']) {
        const check = await world.ok<CheckResult>(name, ['log', '--check'])
        assert.deepEqual([check.ok, check.faults], [true, []])
        const [out, inward] = name === 'buyer' ? [paid, back] : [back, paid]
        assert.deepEqual(
          [check.ledgerPaidMsat, check.walletPaidMsat, check.ledgerReceivedMsat, check.walletReceivedMsat],
          [out, out, inward, inward].map(String)
        )
      }
    }
  )

  await t.test('the commands on the page about Lightning do what it says', async () => {
    const page = await readFile(new URL('../../../../docs/lightning.md', import.meta.url), 'utf8')
    const block = /## Connect a node in five minutes[^]*?```\n([^]*?)```/.exec(page)![1]!
    const { socket } = await lightning.start('newcomer')
    await lightning.at('newcomer').channel(lightning.at('seller'), CAPACITY, CAPACITY / 2n)
    const meant: Record<string, string> = {
      '~/.lightning/regtest/lightning-rpc': socket,
      KEY: market,
      'film.mkv': source
    }
    const commands = block.split('\n').flatMap(line => /^bushel ([^#&]*)/.exec(line)?.[1]!.trim() ?? [])
    assert.equal(commands.length, 11)
    for (const command of commands) {
      const words = command.match(/"[^"]*"|\S+/g)!.map(word => word.replace(/"/g, ''))
      const args = words.map(word => meant[word] ?? word)
      if (args[0] === 'up') await world.up('newcomer')
      else await world.ok('newcomer', args)
    }
    const [bought] = await world.leases('newcomer')
    assert.deepEqual([bought!.state, bought!.role], ['STORED', 'buyer'])
    assert.equal((await lightning.paid('newcomer')).length, bought!.receipts.length)
  })

  await t.test('a ledger that differs from the wallet does not add up: exit code 1', async () => {
    // The wallet forgets one of its paid invoices.
    const hash = lease.receipts[0]!.hash
    await lightning.at('seller').call('dev-forget', { hash })
    const { code, result } = await world.run('seller', ['log', '--check'])
    assert.equal(code, 1)
    assert.match((result['faults'] as string[]).join(), /installment 0/)
  })
})
