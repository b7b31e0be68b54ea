// npm run mutate [-- PART]: mutates contracts/ and src/payment/ and reports which mutants the tests notice. PART is a room
// (contracts, payment), or a folder or file in one. It installs and builds what is missing.
import { install, ready } from './ready.js'

ready()
install('scripts/mutation')
const { mutate, roomsOf } = await import('./mutation/run.js')
const rooms = roomsOf(process.argv[2])
if (!rooms.length) {
  process.stderr.write(`bushel: '${process.argv[2]}' is not in contracts/ or src/payment/\n`)
  process.exit(2)
}
for (const [name, room] of rooms) await mutate(name, room)
