import { DAY } from '../../contracts/money/quantity.js'
import { defineTable } from '../store/definition.js'
import { bytes, parts, uint } from '../store/key.js'

/** How long an answer can be repeated, ms. */
const REPLY_KEPT = 2 * DAY

/** Given answers by device and request id. */
export const replyTable = defineTable({
  name: 'replies',
  key: parts(bytes(32), bytes(32)),
  struct: 'stored-reply',
  indexes: index => ({ at: index(uint, ({ at }) => at) }),
  owner: 'src/deal',
  bound: { unbounded: 'each device has at most 1,000, and each answer belongs to an agreement' },
  forget: { text: 'two days after it was given', by: 'at', after: REPLY_KEPT }
})

/** Own orders by id, with the withdrawn and expired ones. */
export const ownOrderTable = defineTable({
  name: 'own-orders',
  key: bytes(32),
  struct: 'own-order',
  indexes: index => ({ open: index(uint, ({ open, until }) => (open ? until : null)) }),
  owner: 'src/deal',
  bound: { unbounded: 'the owner places them' },
  forget: { text: 'never: a withdrawn order keeps its last revision' }
})

/** This node's experience with other identities. */
export const peerTable = defineTable({
  name: 'peers',
  key: bytes(32),
  struct: 'peer-record',
  owner: 'src/deal',
  bound: { unbounded: 'one for each identity that this node has bought from' },
  forget: { text: 'never: what a peer did counts as long as the home exists' }
})

export const DEAL_TABLES = [replyTable, ownOrderTable, peerTable]
