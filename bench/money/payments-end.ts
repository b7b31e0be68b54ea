import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Strip } from '#spec'
import { decode, encode } from '../../contracts/schema/codec.js'
import { checkInvoice } from '../../src/lightning/invoice.js'
import { linkLightning } from '../../src/lightning/backends/play/link.js'
import { PlayWallet } from '../../src/lightning/backends/play/wallet.js'
import { Ledger } from '../../src/payment/ledger.js'
import { Limits } from '../../src/payment/limits.js'
import { Teller } from '../../src/payment/payments.js'
import { SLICE_MSAT } from './end.js'
import type { Cost, End } from './end.js'

const EXPIRY_S = 3600
const RECEIVED_WITHIN = 10_000

/** The product: the play wallet in its own process, ledger and teller; listed, issued, bound, paid, told, acknowledged. */
export async function tellerEnd(dir: string): Promise<End> {
  await mkdir(dir, { recursive: true })
  const wallet = new PlayWallet({ dir: join(dir, 'wallet') })
  await wallet.ready()
  const ledger = new Ledger(join(dir, 'ledger'))
  const teller = new Teller({
    ledger,
    wallet,
    checkInvoice,
    limits: new Limits({ ledger, real: false }),
    secret: randomBytes(32),
    onfault: error => {
      throw error
    }
  })
  await teller.ready()
  teller.on('received', payment => teller.applied(payment))
  return {
    nodeId: wallet.nodeId,
    link: stream => void linkLightning(stream, wallet),
    serve: rpc =>
      void rpc
        .respond('list', async request => {
          const { agreement, from: slices } = decode('strip-request', request!)
          const epochs = Array.from({ length: slices }, (_, number) => ({
            number,
            start: number,
            end: number + 1,
            msat: SLICE_MSAT
          }))
          return encode('slice-list', teller.list(agreement!, epochs, 0))
        })
        .respond('strip', async request => {
          const list = decode('slice-list', request!)
          const invoices = await teller.strip(list, EXPIRY_S, peerOf(list.agreement!))
          return encode('strip', { agreement: list.agreement, invoices } as Strip)
        })
        .respond('paid', async request => {
          const { agreement, epoch } = decode('paid', request!)
          if (!(await teller.wasReceived(agreement!, epoch, RECEIVED_WITHIN))) throw new Error('not received')
          teller.acknowledged(agreement!, epoch)
          return Buffer.from([1])
        }),
    reach: (nodeId, msat) => teller.reach(nodeId, msat),
    async lane(rpc, nodeId, slices) {
      const agreement = randomBytes(32)
      const peer = peerOf(agreement)
      const request = encode('strip-request', { agreement, from: slices })
      const list = decode('slice-list', (await rpc.request('list', request))!)
      await teller.intend(list, peer)
      const strip = await rpc.request('strip', encode('slice-list', list))
      await teller.bind(list, decode('strip', strip!).invoices, nodeId, peer)
      const latencies: number[] = []
      const told: Promise<void>[] = []
      for (const { epoch } of list.slices) {
        const begun = performance.now()
        const payment = await teller.pay(agreement, epoch)
        latencies.push(performance.now() - begun)
        teller.applied(payment)
        const paid = encode('paid', { agreement, epoch, preimage: payment.preimage! })
        told.push(rpc.request('paid', paid).then(() => teller.acknowledged(agreement, epoch)))
      }
      await Promise.all(told)
      return latencies
    },
    async cost(): Promise<Cost> {
      await ledger.flush()
      const { entries, bytes, syncs } = ledger.stats
      return { entries, bytes, syncs }
    }
  }
}

/** The identity of the other side: another one for each agreement, as one peer is paused at two payments in flight. */
function peerOf(agreement: Buffer): Buffer {
  return Buffer.from(agreement).reverse()
}
