/**
 * A child process with a node as `up` runs it, which its parent can have killed at a step of its ledger: in
 * the turn in which the step is about to be written (`ahead`), or when it is on disk and nothing else was
 * done yet (`written`).
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { BushelError } from '../../../contracts/errors/error.js'
import { HOUR, DAY, MIB } from '../../../contracts/money/quantity.js'
import { Home } from '../../../src/identity/home.js'
import { openNode } from '../../../src/node/node.js'
import type { PlayWallet } from '../../../src/lightning/backends/play/wallet.js'
import type { CallContext, Progress } from '../../../src/node/api/api.js'
import type { PaymentDraft } from '../../../src/payment/ledger.js'
import { answerOrders, optionsOf, tell } from '../parent.js'
import { moneyStateOf } from './money-state.js'
import type { KillPoint, Hit, TraderCommand, Report, TraderOptions } from './trader-protocol.js'
import { LmdbBackend } from '../../../src/store/backend/lmdb-backend.js'
import { VolatileBackend } from '../../doubles/volatile-backend.js'
import { faultLog } from '../../doubles/fault-log.js'
import { nameOf } from '../../../src/base/states.js'

const options = optionsOf<TraderOptions>()
const quiet = (): CallContext => ({ onProgress: () => undefined, signal: new AbortController().signal })

const node = await openNode({
  home: await Home.open(options.home),
  bootstrap: options.bootstrap,
  serve: true,
  // With it everything that is not flushed is lost by a kill, as in a loss of power.
  ...(process.env['BUSHEL_GATE_STORE'] === 'volatile'
    ? { backend: folder => new VolatileBackend(folder, new LmdbBackend(folder)) }
    : {}),
  policy: { firstInstallmentMsat: 1_000n, maxInstallmentMsat: 4_000n },
  log: faultLog(error => {
    const code = error instanceof BushelError ? wordOf(error) : ''
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    tell({ event: 'fault', fault: { code, text } } satisfies Report)
  })
})
const trade = await node.trade()
let point: KillPoint | null = null

function strike(phase: KillPoint['phase'], payments: readonly PaymentDraft[]): void {
  if (!point || point.phase !== phase) return
  const { step, role, kind, victim } = point
  const hit = payments.find(one => one.step === step && one.role === role && one.kind === kind)
  if (!hit || point.skip-- > 0) return
  const report: Hit = { phase, step: nameOf(step), hash: hit.hash.toString('hex') }
  const fd = openSync(options.hits, 'w')
  writeSync(fd, JSON.stringify(report))
  fsyncSync(fd)
  closeSync(fd)
  point = null
  if (victim === 'self') process.kill(process.pid, 'SIGKILL')
  killLightning()
  tell({ event: 'struck' } satisfies Report)
}

/** False while the process is being started again. */
function killLightning(): boolean {
  const { pid } = trade.wallet as PlayWallet
  return pid !== undefined && process.kill(pid, 'SIGKILL')
}
trade.ledger.on('ahead', (payments: PaymentDraft[]) => strike('ahead', payments))
trade.ledger.on('written', (payments: PaymentDraft[]) => strike('written', payments))

async function execute(command: TraderCommand): Promise<unknown> {
  switch (command.do) {
    case 'found':
      return node.call('market.create', { name: 'gate' }, quiet())
    case 'join':
      return node.call('market.join', { key: command.key }, quiet())
    case 'sell': {
      const offer = { space: 64 * MIB, minTime: HOUR, maxTime: 365 * DAY, region: '' }
      return node.call('sell.storage', { ...offer, price: command.price }, quiet())
    }
    case 'arm':
      point = command.point
      return null
    case 'kill-lightning':
      return killLightning()
    case 'mirror':
      return mirror(command.path)
    case 'end':
      return node.call('leases.end', { id: command.lease }, quiet())
    case 'state':
      return moneyStateOf(trade)
  }
}

/** Adds the earlier notes to the error. */
async function mirror(path: string): Promise<unknown> {
  const notes: string[] = []
  const onProgress = (progress: Progress): void => {
    if (progress.event === 'note') notes.push(progress.message)
  }
  try {
    return await node.call('mirror', { path, copies: 1, time: 30 * DAY }, { ...quiet(), onProgress })
  } catch (error) {
    if (error instanceof BushelError) error.message = [error.message, ...notes].join('; ')
    throw error
  }
}

answerOrders(execute, error => wordOf(error as { code?: string }))
const { pid } = trade.wallet as PlayWallet
tell({ event: 'ready', lightning: pid ?? 0 } satisfies Report)

/** The peer's word of a decline, the code of any other error. */
function wordOf(error: { code?: string; word?: string }): string {
  return error.word ?? error.code ?? ''
}
