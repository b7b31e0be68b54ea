import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import createTestnet from 'hyperdht/testnet.js'
import { checkInvoice } from '../../src/lightning/invoice.js'
import { createWalletDir, openState } from '../../src/lightning/backends/play/log/disk.js'
import { PLAY_GRANT_MSAT } from '../../src/lightning/backends/play/network.js'
import { Store } from '../../src/lightning/backends/play/log/store.js'
import { PlayWallet } from '../../src/lightning/backends/play/wallet.js'
import { homeStore } from '../../src/node/home-store.js'
import { readEntries } from '../../src/payment/ledger/entries.js'
import { Ledger } from '../../src/payment/ledger.js'
import type { PaymentDraft, PaymentStep } from '../../src/payment/ledger.js'
import { Payments } from '../../src/payment/payments.js'
import { median } from '../figure.js'
import type { Bench, Figure } from '../figure.js'
import type { Cost, Run } from './end.js'
import { MoneyPair } from './money-pair.js'
import { inFolder } from '../stage.js'
import { INSTALLMENT_MSAT } from './end.js'
import { faultLog } from '../../test/doubles/fault-log.js'
import { STEP } from '../../src/payment/payment-state.js'

const MOST_SECONDS = 2
/** Steps of an outgoing installment from its list to its receipt, one ledger entry each. */
const STEPS: PaymentStep[] = [STEP.intent, STEP.bound, STEP.sent, STEP.paid, STEP.applied, STEP.receipt]
const AGREEMENT_SLICES = 500
const AT_ONCE = 500
const INVOICE_LENGTH = 360
const RUNS: Run[] = [
  { lanes: 1, installments: 48 },
  { lanes: 8, installments: 24 }
]
const QUICK: Run[] = RUNS.map(({ lanes }) => ({ lanes, installments: 2 }))
/** Minimal size of a payment record: agreement, hash and preimage, installment, amount, time. */
const BARE_BYTES = 3 * 32 + 3 * 8

/** Ledger cost of each paid installment, and the time to open the ledger and to reconcile it with the wallet. */
export const ledgerBench: Bench = {
  name: 'ledger',
  about: 'bytes and syncs of the ledger for a paid installment; opening and reconciling 100,000 entries',
  async run({ quick, say }) {
    const entries = quick ? 6_000 : 100_000
    return inFolder(async folder => [
      ...(await costs(folder, quick ? QUICK : RUNS, say)),
      ...(await times(folder, entries, quick ? 1 : 3, say))
    ])
  }
}

async function costs(folder: string, runs: Run[], say: (what: string) => void): Promise<Figure[]> {
  const bare = await bareAppends(join(folder, 'bare'))
  const net = await createTestnet(3, { host: '127.0.0.1' })
  const pair = await MoneyPair.open('payments', folder, net.bootstrap)
  try {
    const figures: Figure[] = []
    for (const run of runs) {
      const before = await pair.cost()
      await pair.run(run)
      const after = await pair.cost()
      const installments = run.lanes * run.installments
      for (const side of ['payer', 'payee'] as const) {
        const per = (of: keyof Cost): number => (after[side][of] - before[side][of]) / installments
        say(`${run.lanes} in flight, ${side}: ${per('entries').toFixed(1)} entries an installment`)
        for (const [unit, of] of [
          ['bytes', 'bytes'],
          ['fsyncs', 'syncs']
        ] as const)
          figures.push({
            name: `${unit} of a paid installment, ${run.lanes} in flight, ${side}`,
            measured: per(of),
            unit,
            baseline: { name: `one bare append of ${BARE_BYTES} bytes for each payment`, value: bare[of] },
            note: `${installments} installments from list to receipt`
          })
      }
    }
    return figures
  } finally {
    await pair.end()
    await net.destroy()
  }
}

/** The cost of each of a hundred small records that are appended to a file and synced, one after the other. */
async function bareAppends(file: string): Promise<{ bytes: number; syncs: number }> {
  const count = 100
  const opened = await open(file, 'a')
  let syncs = 0
  for (let i = 0; i < count; i++) {
    await opened.appendFile(randomBytes(BARE_BYTES))
    await opened.datasync()
    syncs++
  }
  const { size } = await opened.stat()
  await opened.close()
  return { bytes: size / count, syncs: syncs / count }
}

interface Times {
  opening: number
  reading: number
  reconciling: number
  history: number
}

async function times(
  folder: string,
  entries: number,
  rounds: number,
  say: (what: string) => void
): Promise<Figure[]> {
  const home = join(folder, 'home')
  await mkdir(home)
  const dir = join(folder, 'wallet')
  say(`writing a ledger of ${entries} entries, and the wallet's records of the same payments`)
  const drafts = Array.from({ length: Math.ceil(entries / STEPS.length) }, (_, i) => draftOf(i))
  const written = await writeLedger(home, drafts)
  fillWallet(dir, drafts)
  const wallet = new PlayWallet({ dir })
  await wallet.ready()
  const all: Times[] = []
  for (let round = 0; round < rounds; round++) all.push(await timed(home, wallet))
  await wallet.close()
  const figure = (
    name: string,
    of: keyof Times,
    baseline: { name: string; of: keyof Times },
    note: string
  ): Figure => ({
    name,
    measured: median(all.map(took => took[of])),
    unit: 's',
    baseline: { name: baseline.name, value: median(all.map(took => took[baseline.of])) },
    note
  })
  const what = `${written} entries of ${drafts.length} payments, on the play wallet`
  const reading = { name: 'reading all of its entries', of: 'reading' } as const
  const asking = { name: "reading the wallet's records of the same payments", of: 'history' } as const
  const reconciling = figure('reconciling the ledger', 'reconciling', asking, what)
  return [
    figure('opening the ledger', 'opening', reading, what),
    reconciling,
    {
      name: 'opening and reconciling',
      measured: median(all.map(took => took.opening + took.reconciling)),
      unit: 's',
      target: { atMost: MOST_SECONDS },
      note: what
    }
  ]
}

async function timed(home: string, wallet: PlayWallet): Promise<Times> {
  const seconds = async (work: () => Promise<unknown>): Promise<number> => {
    const begun = performance.now()
    await work()
    return (performance.now() - begun) / 1000
  }
  const store = homeStore(home)
  const opening = await seconds(() => store.ready())
  const ledger = new Ledger(store, 'ledger')
  const reading = await seconds(async () => {
    for (const _ of readEntries(store, 'ledger'));
  })
  const history = await seconds(() => wallet.history())
  const payments = new Payments({
    ledger,
    wallet,
    checkInvoice,
    secret: randomBytes(32),
    log: faultLog(error => {
      throw error
    })
  })
  const reconciling = await seconds(() => payments.ready())
  if (payments.reconciler.faults.length > 0) throw new Error(payments.reconciler.faults[0])
  await payments.close()
  await store.close()
  return { opening, reading, reconciling, history }
}

/** The steps of each agreement's installments, in the order of a running node. */
async function writeLedger(home: string, drafts: readonly PaymentDraft[]): Promise<number> {
  const store = homeStore(home)
  await store.ready()
  const ledger = new Ledger(store, 'ledger')
  for (let from = 0; from < drafts.length; from += AT_ONCE) {
    const some = drafts.slice(from, from + AT_ONCE)
    for (const step of STEPS) {
      const early = step === STEP.intent || step === STEP.bound || step === STEP.sent
      const record = some.map(draft => ({
        ...draft,
        step,
        preimage: early ? null : draft.preimage,
        text: step === STEP.intent ? '' : draft.text
      }))
      await ledger.record(...record)
    }
  }
  const { entries } = ledger.stats
  await store.close()
  return entries
}

function fillWallet(dir: string, drafts: readonly PaymentDraft[]): void {
  createWalletDir(dir, PLAY_GRANT_MSAT)
  const store = new Store(openState(dir).log)
  for (const { hash, preimage, msat } of drafts)
    store.payments.set(hash.toString('hex'), {
      attempt: 1,
      status: 'succeeded',
      preimage,
      feeMsat: 0n,
      reason: '',
      msat,
      payee: Buffer.alloc(33, 2),
      at: Date.now()
    })
  store.commit()
  store.close()
}

function draftOf(i: number): PaymentDraft {
  const sha256 = (of: string | Buffer): Buffer => createHash('sha256').update(of).digest()
  const preimage = sha256(`payment ${i}`)
  const agreement = sha256(`agreement ${Math.floor(i / AGREEMENT_SLICES)}`)
  return {
    agreement,
    role: 'payer',
    kind: 'installment',
    installment: i % AGREEMENT_SLICES,
    issue: 0,
    peer: sha256(agreement),
    hash: sha256(preimage),
    msat: INSTALLMENT_MSAT,
    step: STEP.intent,
    feeMsat: 0n,
    preimage,
    text: `lnbcrt ${i} `.padEnd(INVOICE_LENGTH, 'x')
  }
}
