import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import type { JobDue } from '#spec'
import { BushelError } from '../../../../contracts/errors/error.js'
import { domain, struct } from '../../../../contracts/schema/codec.js'
import type { Codec } from '../../../../contracts/schema/codec.js'
import type { Message } from '../../../../src/deal/methods.js'
import type { CommonTerms, Resource } from '../../../../src/deal/resource.js'

/** The last word of a language model, by the unit: a toy that counts. The price is per 1000 units, msat. */
export interface TokensAsk {
  units: number
  model: string
}

export interface TokensBid {
  units: number
  model: string
}

export interface TokensRequest {
  units: number
}

/** Each installment pays for this many units. */
export interface TokensOffer {
  each: number
}

export interface TokensTerms extends CommonTerms {
  units: number
  each: number
}

export interface Use {
  agreement: Buffer
  /** Number of the installment that pays for it. */
  installment: number
}

const BYTES = '0x'
const AMOUNT = 'n'

/** Bytes and amounts as text, everything else as JSON has it. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return AMOUNT + value.toString()
  const bytes = value as { type?: string; data?: number[] } | null
  return bytes?.type === 'Buffer' ? BYTES + Buffer.from(bytes.data!).toString('hex') : value
}

function parsed(_key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (value.startsWith(BYTES)) return Buffer.from(value.slice(BYTES.length), 'hex')
  return /^n\d+$/.test(value) ? BigInt(value.slice(AMOUNT.length)) : value
}

/** A codec of its own: canonical JSON, in which these fields are positive whole numbers. */
function json<T extends object>(...counts: (keyof T)[]): Codec<T> {
  const encode = (value: T): Buffer => Buffer.from(JSON.stringify(value, plain))
  return {
    encode,
    decode: (bytes, maxBytes = 4096) => {
      try {
        if (!bytes || bytes.byteLength > maxBytes) throw new RangeError('too few or too many bytes')
        const value = JSON.parse(bytes.toString(), parsed) as T
        for (const name of counts)
          if (!Number.isSafeInteger(value[name]) || Number(value[name]) < 1)
            throw new RangeError(String(name))
        if (!encode(value).equals(bytes)) throw new RangeError('it is not canonical')
        return value
      } catch (error) {
        throw new BushelError('MALFORMED', 'malformed tokens').withCause(error)
      }
    }
  }
}

const terms = json<TokensTerms>('units', 'each')

export function idOf(value: TokensTerms): Buffer {
  return crypto.hash([domain('tokens-terms'), terms.encode(value)])
}

export function signTerms(value: TokensTerms, device: KeyPair): Buffer {
  return crypto.sign(idOf(value), device.secretKey)
}

/** What an installment costs: its units at the price of 1000, rounded up. */
export function msatOf({ units, each, price }: TokensTerms, installment: number): bigint {
  const left = Math.min(each, units - installment * each)
  return (BigInt(left) * price + 999n) / 1000n
}

export function installmentsOf({ units, each }: TokensTerms): number {
  return Math.ceil(units / each)
}

const MESSAGES = {
  tokensDue: {
    ...{ request: json<Use>(), reply: struct('job-due') },
    ...{ requestBytes: 1 << 10, replyBytes: 8 << 10, kept: false }
  } as Message<Use, JobDue>,
  tokensUse: {
    ...{ request: json<Use>(), reply: json<{ used: number }>() },
    ...{ requestBytes: 1 << 10, replyBytes: 1 << 10, kept: false }
  } as Message<Use, { used: number }>
} as const

type TokensMessages = typeof MESSAGES

declare module '../../../../src/deal/methods.js' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the types of the messages of tokens
  interface Methods extends TokensMessages {}
}

export const tokens: Resource<TokensAsk, TokensBid, TokensRequest, TokensOffer, TokensTerms> = {
  id: 'tokens',
  prices: [{ unit: 'ktoken', times: 1n }],
  ask: json<TokensAsk>('units'),
  bid: json<TokensBid>('units'),
  request: json<TokensRequest>('units'),
  quote: json<TokensOffer>('each'),
  terms: {
    ...terms,
    id: idOf,
    verify: (value, signature, device) => crypto.verify(idOf(value), signature, device),
    faultOf: ({ version }) => (version === 1 ? null : 'another version')
  },
  messages: MESSAGES,
  serves: (ask, bid) => ask.model === bid.model && ask.units >= bid.units,
  book: {
    asks: [
      { title: 'UNITS', field: 'units', unit: 'count' },
      { title: 'MODEL', field: 'model', unit: 'text' }
    ],
    bids: [
      { title: 'UNITS', field: 'units', unit: 'count', running: true },
      { title: 'MODEL', field: 'model', unit: 'text' }
    ],
    describeAsk: ask => ({ ...ask }),
    describeBid: bid => ({ ...bid })
  }
}
