import { BareLightning } from './bare-lightning.js'
import { INSTALLMENT_MSAT } from './end.js'
import type { End } from './end.js'

const DESCRIPTION = 'bench'.padEnd(75, ' ')

/** Invoices and payments by LDK alone. */
export async function bareEnd(dir: string): Promise<End> {
  const lightning = await BareLightning.open(dir)
  return {
    nodeId: lightning.nodeId,
    link: (stream, nodeId) => lightning.link(stream, nodeId),
    serve: rpc =>
      void rpc.respond('invoices', async count => {
        const invoices = Array.from({ length: count!.readUInt32LE() }, () =>
          lightning.issue(INSTALLMENT_MSAT, DESCRIPTION)
        )
        return Buffer.from(invoices.join(' '))
      }),
    reach: (nodeId, msat) => lightning.reach(nodeId, msat, 20_000),
    async lane(rpc, _, installments) {
      const count = Buffer.alloc(4)
      count.writeUInt32LE(installments)
      const invoices = (await rpc.request('invoices', count))!.toString().split(' ')
      const latencies: number[] = []
      for (const invoice of invoices) {
        const begun = performance.now()
        await lightning.pay(invoice)
        latencies.push(performance.now() - begun)
      }
      return latencies
    },
    cost: () => Promise.reject(new Error('it has no ledger'))
  }
}
