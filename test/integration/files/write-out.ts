/** Tries a destination, or writes a job's output there, in a sandbox that its parent has made; prints the error's code. */
import { BushelError } from '../../../contracts/errors/error.js'
import { checkOut, writeOut } from '../../../src/files/out-folder.js'

const [, , what, dest, size = '0'] = process.argv
const files = ['a', 'd/b'].map(path => ({ path, bytes: Buffer.alloc(Number(size), path) }))
let code = 'OK'
try {
  if (what === 'try') await checkOut(dest!, false)
  else await writeOut(dest!, files, false)
} catch (error) {
  code = error instanceof BushelError ? error.code : `not told: ${String(error)}`
}
process.stdout.write(code)
