// A node in a program of your own: opens one on a home, which it makes the first time, founds a market, reads its book.
//
// Run: npm install bushel && node library.mjs HOME [BOOTSTRAP-HOST BOOTSTRAP-PORT]
import { BushelError, Node, createHome } from 'bushel'

const [home = 'bushel-home', host, port] = process.argv.slice(2)
const bootstrap = host ? { bootstrap: [{ host, port: Number(port) }] } : {}

try {
  const { words } = await createHome({ home })
  console.log('write these words down, they are told once:', words.split(' ').length, 'words')
} catch (error) {
  if (!(error instanceof BushelError) || error.code !== 'HOME_EXISTS') throw error
}

const node = await Node.open({ home, ...bootstrap })
try {
  const { markets } = await node.call('market.list')
  if (markets.length === 0) await node.call('market.create', { name: 'mine' })

  const { name, asks, bids } = await node.call('book', { waitMs: 0 })
  console.log(`market ${name}: ${asks.length} offers, ${bids.length} bids`)

  const { spendableMsat } = await node.call('wallet')
  console.log(`can send ${BigInt(spendableMsat) / 1000n} sat`)

  // Parameters are checked before anything is done, and the error names the wrong one.
  await node.call('mirror', { path: process.cwd(), copies: 0, time: 86_400_000 }).catch(error => {
    console.log(`${error.code}: ${error.message}`)
  })
} finally {
  await node.close()
}
