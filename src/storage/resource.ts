import type { StorageAsk, StorageBid, StorageQuote, StorageRequest, Terms } from '#spec'
import { struct } from '../../contracts/schema/codec.js'
import { verify } from '../../contracts/keys/signature.js'
import { MAX_MSAT } from '../../contracts/money/money.js'
import { agreementId, faultOf } from '../../contracts/terms.js'
import type { Resource } from '../deal/resource.js'
import { STORAGE_MESSAGES } from './messages.js'

const MAX_TEXT = 64
const MAX_COPIES = 64

/** Disk space: asks and bids by price per TiB and 30 days, msat; a lease is its agreement at work. */
export const storage: Resource<StorageAsk, StorageBid, StorageRequest, StorageQuote, Terms> = {
  id: 'storage',
  prices: [
    { unit: 'GiB-month', times: 1024n },
    { unit: 'TiB-month', times: 1n }
  ],
  ask: struct('storage-ask', ask => {
    if (ask.space <= 0 || ask.minTime <= 0 || ask.maxTime < ask.minTime)
      return 'an ask without space, or with a wrong range of times'
    if (ask.region.length > MAX_TEXT) return 'a region longer than 64 characters'
    return ask.minChargeMsat > MAX_MSAT ? 'a minimum charge that is out of bounds' : null
  }),
  bid: struct('storage-bid', bid =>
    bid.bytes <= 0 || bid.time <= 0 || bid.copies < 1 || bid.copies > MAX_COPIES
      ? 'a bid without bytes or time, or with a wrong number of copies'
      : null
  ),
  request: struct('storage-request'),
  quote: struct('storage-quote'),
  terms: {
    ...struct('terms'),
    id: agreementId,
    faultOf,
    verify: (terms, signature, device) => verify('terms', terms, signature, device)
  },
  messages: STORAGE_MESSAGES,
  serves: (ask, bid) => ask.space >= bid.bytes && ask.minTime <= bid.time && ask.maxTime >= bid.time,
  book: {
    asks: [
      { title: 'SPACE', field: 'space', unit: 'size' },
      { title: 'DEPTH', field: 'space', unit: 'size', running: true },
      { title: 'TIME', field: 'minTime', to: 'maxTime', unit: 'time' },
      { title: 'REGION', field: 'region', unit: 'text' }
    ],
    bids: [
      { title: 'COPIES', field: 'copies', unit: 'count' },
      { title: 'SIZE', field: 'bytes', unit: 'size' },
      { title: 'DEPTH', field: 'allBytes', unit: 'size', running: true },
      { title: 'TIME', field: 'time', unit: 'time' }
    ],
    describeAsk: ({ space, region, minTime, maxTime, minChargeMsat }) => ({
      ...{ space, region, minTime, maxTime },
      minChargeMsat: minChargeMsat.toString()
    }),
    describeBid: ({ bytes, time, copies }) => ({ bytes, time, copies, allBytes: bytes * copies })
  }
}
