import { randomBytes } from 'node:crypto'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Strip } from '#spec'
import { decode, encode } from '../../contracts/schema/codec.js'
import { checkInvoice } from '../../src/lightning/invoice.js'
import { linkLightning } from '../../src/lightning/backends/play/link.js'
import { PlayWallet } from '../../src/lightning/backends/play/wallet.js'
import { homeStore } from '../../src/node/home-store.js'
import { Ledger } from '../../src/payment/ledger.js'
import { SpendingLimits } from '../../src/payment/limits.js'
import { Payments } from '../../src/payment/payments.js'
import { INSTALLMENT_MSAT } from './end.js'
import type { Cost, End } from './end.js'
import { faultLog } from '../../test/doubles/fault-log.js'

const EXPIRY_S = 3600
const RECEIVED_WITHIN = 10_000

/** The product: play wallet in its own process, ledger and payments, through all steps of an installment. */
export async function paymentsEnd(dir: string): Promise<End> {
  await mkdir(dir, { recursive: true })
  const wallet = new PlayWallet({ dir: join(dir, 'wallet') })
  await wallet.ready()
  const store = homeStore(dir)
  await store.ready()
  const ledger = new Ledger(store, 'ledger')
  const payments = new Payments({
    ledger,
    wallet,
    checkInvoice,
    limits: new SpendingLimits({ ledger, real: false }),
    secret: randomBytes(32),
    log: faultLog(error => {
      throw error
    })
  })
  await payments.ready()
  payments.on('received', payment => payments.applied(payment))
  return {
    nodeId: wallet.nodeId,
    link: stream => void linkLightning(stream, wallet),
    serve: rpc =>
      void rpc
        .respond('list', async request => {
          const { agreement, from: count } = decode('strip-request', request!)
          const installments = Array.from({ length: count }, (_, number) => ({
            number,
            start: number,
            end: number + 1,
            msat: INSTALLMENT_MSAT
          }))
          return encode('installment-list', payments.list(agreement!, installments, 0))
        })
        .respond('strip', async request => {
          const list = decode('installment-list', request!)
          const invoices = await payments.strip(list, EXPIRY_S, peerOf(list.agreement!))
          return encode('strip', { agreement: list.agreement, invoices } as Strip)
        })
        .respond('paid', async request => {
          const { agreement, installment } = decode('paid', request!)
          if (!(await payments.wasReceived(agreement!, installment, RECEIVED_WITHIN)))
            throw new Error('not received')
          payments.acknowledged(agreement!, installment)
          return Buffer.from([1])
        }),
    reach: async (nodeId, msat) => void (await payments.reach(nodeId, msat)),
    async lane(rpc, nodeId, count) {
      const agreement = randomBytes(32)
      const peer = peerOf(agreement)
      const request = encode('strip-request', { agreement, from: count })
      const list = decode('installment-list', (await rpc.request('list', request))!)
      await payments.intend(list, peer)
      const strip = await rpc.request('strip', encode('installment-list', list))
      await payments.bind(list, decode('strip', strip!).invoices, nodeId, peer)
      const latencies: number[] = []
      const told: Promise<void>[] = []
      for (const { installment } of list.installments) {
        const begun = performance.now()
        const payment = await payments.pay(agreement, installment)
        latencies.push(performance.now() - begun)
        payments.applied(payment)
        const paid = encode('paid', { agreement, installment, preimage: payment.preimage! })
        told.push(rpc.request('paid', paid).then(() => payments.acknowledged(agreement, installment)))
      }
      await Promise.all(told)
      return latencies
    },
    async cost(): Promise<Cost> {
      await ledger.flush()
      const { size } = await stat(join(store.folder, 'data.mdb'))
      return { entries: ledger.stats.entries, bytes: size, syncs: store.stats.flushes }
    }
  }
}

/** Identity of the other side; a different one for each agreement, because one peer may have only two payments in flight. */
function peerOf(agreement: Buffer): Buffer {
  return Buffer.from(agreement).reverse()
}
