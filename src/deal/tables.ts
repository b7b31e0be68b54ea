import { DAY } from '../../contracts/money/quantity.js'
import { decode } from '../../contracts/schema/codec.js'
import { tableMaker } from '../store/definition.js'
import { bytes, parts, uint } from '../store/key.js'

const table = tableMaker('src/deal')

/** How long an answer can be repeated, ms. */
export const REPLY_KEPT = 2 * DAY

/** Given answers by device and request id. */
export const replyTable = table('replies', parts(bytes(32), bytes(32)), 'stored-reply', {
  indexes: index => ({ at: index(uint, ({ at }) => at) }),
  unbounded: 'of strangers few are kept in all; each device that pays has at most 1,000',
  forget: { text: 'two days after it was given', by: 'at', after: REPLY_KEPT }
})

/** Own orders by id, with the withdrawn and expired ones. */
export const ownOrderTable = table('own-orders', bytes(32), 'own-order', {
  indexes: index => ({
    open: index(uint, ({ open, until }) => (open ? until : null)),
    /** When the record on the book expires. */
    ends: index(uint, ({ record }) => decode('order', record).expires)
  }),
  unbounded: 'the owner places them',
  forget: 'never: a withdrawn order keeps its last revision'
})

/** This node's experience with other identities. */
export const peerTable = table('peers', bytes(32), 'peer-record', {
  unbounded: 'one for each identity that this node has bought from',
  forget: 'never: what a peer did counts as long as the home exists'
})

export const DEAL_TABLES = [replyTable, ownOrderTable, peerTable]
