/** A child process with a node that sells compute or runs jobs, as its parent tells it. */
import { setUp } from '../../../../src/daemon/setup.js'
import { Sandbox } from '../../../../src/compute/sandbox/sandbox.js'
import type { Hire } from '../../../../src/compute/buyer/hire.js'
import { Home } from '../../../../src/identity/home.js'
import { openNode } from '../../../../src/node/node.js'
import type { NodeProcessOptions, ChildMessage } from './node-process.js'
import { balance, never, request, sellCompute } from './node-group.js'
import type { Offer } from './node-group.js'
import { answerOrders, optionsOf, tell } from '../../../world/parent.js'
import { faultLog } from '../../../doubles/fault-log.js'

const { home: dir, bootstrap, role } = optionsOf<NodeProcessOptions>()
const say = (said: ChildMessage): void => tell(said)
const fail = (error: unknown): void =>
  say({ event: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) })

const home = await Home.open(dir).catch(async () => {
  await setUp({ home: dir })
  return Home.open(dir)
})
const node = await openNode({
  home,
  bootstrap,
  serve: true,
  log: faultLog(fail),
  jobTimeouts: { progress: 3000, answer: 3000, connect: 5000 },
  worker: { settings: { allowProcess: true }, openSandbox: () => new Sandbox({ nice: 0 }) }
})
const trade = await node.trade()

if (role === 'provider') {
  trade.compute.worker!.on('change', ({ state }: { state: string }) => say({ event: 'job', state }))
  trade.payments.on('received', ({ installment }: { installment: number }) =>
    say({ event: 'received', installment })
  )
}
trade.ledger.on('written', (payments: { step: string; installment: number }[]) => {
  for (const { step, installment } of payments) say({ event: 'step', step, installment })
})

async function finish(hire: Hire): Promise<void> {
  await hire.untilCommitted(never, ({ state, fuel }) =>
    say({ event: 'progress', state, fuel: String(fuel), paid: trade.ledger.contiguous(hire.id) })
  )
  say({ event: 'committed' })
  const { result } = await hire.reveal()
  say({ event: 'revealed', fuel: String(result.fuel) })
  const { stdout } = await hire.collect(never)
  say({ event: 'finished', stdout: String(stdout), paidMsat: String(hire.paidMsat), state: hire.state })
}

async function execute(order: { do: string } & Record<string, unknown>): Promise<unknown> {
  if (order.do === 'sell') {
    return await sellCompute(node)
  } else if (order.do === 'hire') {
    const offer = order['offer'] as Offer
    const rounds = String(order['rounds'])
    const asked = await request(trade, offer, 'work', [rounds], {
      firstInstallmentMsat: BigInt(String(order['installment']))
    })
    const hire = await trade.compute.hires.agree(asked, never)
    say({ event: 'agreed', id: hire.id.toString('hex') })
    await finish(hire)
  } else if (order.do === 'resume') {
    for (const hire of trade.compute.hires.open) await finish(hire)
  } else if (order.do === 'look') {
    const { faults } = await balance(trade)
    const payments = [...trade.ledger.all()].map(({ installment, step, msat }) => ({
      installment,
      step,
      msat: String(msat)
    }))
    const jobs = [...trade.compute.jobs.list(role)].map(({ job }) => ({ state: job.state, runs: job.runs }))
    return { faults, payments, jobs }
  }
  return null
}

answerOrders((order: { do: string }) =>
  execute(order).catch((error: unknown) => {
    fail(error)
    throw error
  })
)
say({ event: 'ready' })
