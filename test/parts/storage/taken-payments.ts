import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Countersign, Lease, Reissue, Void } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { sign } from '../../../contracts/keys/signature.js'
import { agreementId } from '../../../contracts/terms.js'
import { Declined } from '../../../src/deal/decline.js'
import type { DealChannel } from '../../../src/deal/channel.js'
import { Debts } from '../../../src/payment/debts.js'
import { InstallmentPayment } from '../../../src/storage/buyer/installment-payment.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'
import { Leases } from '../../../src/storage/lease/leases.js'
import { TIMEOUTS } from '../../../src/storage/lease/timeouts.js'
import { FakeWallet } from '../../doubles/fake-wallet.js'
import { leaseTerms, partiesOf } from '../../samples/evidence/parties.js'
import { person } from '../../samples/people.js'
import { BUYER, End, INSTALLMENTS, bound, ends } from '../payment/ends.js'
import { NOW, Owner } from './taken.js'

const EXPIRY_S = 3600

/** A lease of a laptop that the desktop of the same owner has taken over: both have the hashes of its first installments. */
export async function takenPayments(t: TestContext, count = 3) {
  const { payer: desktop, payee, dir } = await ends(t)
  const laptop = new End(new FakeWallet(5), join(dir, 'laptop'), 3)
  laptop.wallet.peer = payee.wallet
  await laptop.start()
  t.after(async () => {
    await laptop.payments.close()
    await laptop.stop()
  })
  const [provider] = await person()
  const owner = await Owner.make()
  const device = await owner.device()
  const parties = partiesOf(device, provider!)
  const terms = leaseTerms({
    ...parties,
    provider: { ...parties.provider, lightning: payee.wallet.nodeId },
    countersignBy: NOW
  })
  const id = agreementId(terms)
  const list = payee.payments.list(id, INSTALLMENTS.slice(0, count), 0)
  const countersign: Countersign = { list, signature: sign('installment-list', list, provider!.device) }
  const lease: Lease = {
    ...{ role: 'buyer', state: LEASE.STORED, created: NOW, committed: NOW, start: NOW },
    ...{ terms, signature: Buffer.alloc(64), countersign }
  }
  await bound(laptop, payee, count, id)
  await new Leases(desktop.store).save(lease)
  /** What the desktop does with the lease, from what is on its disk. */
  const installments = (): InstallmentPayment => {
    const { payments, ledger, store } = desktop
    const context = { payments, leases: new Leases(store), debts: new Debts(store, ledger) }
    return new InstallmentPayment(context, id, TIMEOUTS, why => new BushelError('BAD_PEER', why))
  }

  const reissue = async (failed: Void): Promise<Reissue> => {
    const again = await payee.payments.reissue(failed, EXPIRY_S)
    if ('preimage' in again) return { preimage: again.preimage }
    const fresh = { agreement: id, installments: [again.listed] }
    return {
      void: { void: failed, signature: sign('void', failed, provider!.device) },
      countersign: { list: fresh, signature: sign('installment-list', fresh, provider!.device) },
      invoice: again.invoice
    }
  }
  const strip = async (): Promise<{ invoices: string[] }> => {
    try {
      return { invoices: await payee.payments.strip(list, EXPIRY_S, BUYER) }
    } catch (error) {
      throw new Declined('the provider', 'INSTALLMENT_REFUSED', (error as Error).message)
    }
  }
  const asked: string[] = []
  const channel = {
    request: (what: string, body: unknown): Promise<unknown> => {
      asked.push(what)
      return what === 'void' ? reissue(body as Void) : strip()
    }
  } as unknown as DealChannel

  /** The first device's payment fails, and it has the hash replaced. */
  const replaced = async (installment: number): Promise<Buffer> => {
    const { hash } = (await laptop.payments.voidable(id, installment))!
    const answer = await payee.payments.reissue({ agreement: id, installment, hash }, EXPIRY_S)
    if (!('listed' in answer)) throw new Error('it was paid')
    await laptop.payments.rebind(answer.listed, answer.invoice, payee.wallet.nodeId, id)
    return answer.listed.hash
  }
  return {
    ...{ desktop, laptop, payee, id, list, installments, channel, asked, replaced },
    owner,
    device,
    provider: provider!
  }
}
