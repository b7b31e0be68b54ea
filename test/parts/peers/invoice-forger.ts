import { ECDH, createECDH, createHash, createHmac, randomBytes } from 'node:crypto'
import bolt11 from 'bolt11'
import type { PaymentRequestObject } from 'bolt11'
import type { InstallmentList, Terms } from '#spec'
import { planInstallments } from '../../../contracts/money/installments.js'
import { STRIP_LENGTH } from '../../../contracts/schema/counts.js'
import { agreementId, invoiceDescription } from '../../../contracts/terms.js'

const PREFIXES = { bcrt: [0x6f, 0xc4], bc: [0, 5], tb: [0x6f, 0xc4] } as const
const FEATURES = {
  word_length: 4,
  var_onion_optin: { required: true, supported: false },
  payment_secret: { required: true, supported: false },
  basic_mpp: { required: false, supported: true }
}

export interface Draft {
  hash: Buffer
  msat: bigint
  description: string
  prefix: keyof typeof PREFIXES
  /** s since 1970. */
  timestamp: number
  expirySeconds: number
  /** Secret key of the payee's Lightning node. */
  secret: Buffer
}

/** A Lightning node that is only a key: it can write any invoice and be paid none. */
export class InvoiceForger {
  readonly #secret = randomBytes(32)
  readonly #lists = new Map<string, InstallmentList>()

  get nodeId(): Buffer {
    return publicKey(this.#secret)
  }

  preimage(agreement: Buffer, installment: number): Buffer {
    return createHmac('sha256', this.#secret).update(agreement).update(String(installment)).digest()
  }

  list(terms: Terms): InstallmentList {
    const agreement = agreementId(terms)
    const installments = planInstallments(terms)
      .slice(0, STRIP_LENGTH)
      .map(({ number, msat }) => {
        const hash = createHash('sha256').update(this.preimage(agreement, number)).digest()
        return { installment: number, issue: 0, hash, msat }
      })
    const list = { agreement, installments }
    this.#lists.set(agreement.toString('hex'), list)
    return list
  }

  /** The strip for a list of an agreement; `twist` changes each invoice. */
  strip(
    agreement: Buffer,
    twist?: (draft: Draft) => Partial<Draft>
  ): { agreement: Buffer; invoices: string[] } {
    return { agreement, invoices: this.invoices(this.#lists.get(agreement.toString('hex'))!, twist) }
  }

  /** The invoices for a list; `twist` changes each invoice. */
  invoices(list: InstallmentList, twist: (draft: Draft) => Partial<Draft> = () => ({})): string[] {
    return list.installments.map(({ installment, hash, msat }) => {
      const draft: Draft = {
        hash,
        msat,
        description: invoiceDescription(list.agreement, installment),
        prefix: 'bcrt',
        timestamp: Math.floor(Date.now() / 1000),
        expirySeconds: 7200,
        secret: this.#secret
      }
      return written({ ...draft, ...twist(draft) })
    })
  }
}

function written(draft: Draft): string {
  const [pubKeyHash, scriptHash] = PREFIXES[draft.prefix]
  const request: PaymentRequestObject = {
    network: { bech32: draft.prefix, pubKeyHash, scriptHash, validWitnessVersions: [0, 1] },
    timestamp: draft.timestamp,
    millisatoshis: draft.msat.toString(),
    tags: [
      { tagName: 'payment_hash', data: draft.hash.toString('hex') },
      { tagName: 'payment_secret', data: randomBytes(32).toString('hex') },
      { tagName: 'description', data: draft.description },
      { tagName: 'expire_time', data: draft.expirySeconds },
      { tagName: 'min_final_cltv_expiry', data: 24 },
      { tagName: 'feature_bits', data: FEATURES }
    ]
  }
  return bolt11.sign(bolt11.encode(request, false), draft.secret).paymentRequest as string
}

function publicKey(secret: Buffer): Buffer {
  const ecdh = createECDH('secp256k1')
  ecdh.setPrivateKey(secret)
  return ECDH.convertKey(ecdh.getPublicKey(), 'secp256k1', undefined, undefined, 'compressed') as Buffer
}
