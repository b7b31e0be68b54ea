/** A child process that appends numbered entries as fast as it can and reports which ones are on disk. */
import { writeSync } from 'node:fs'
import { Journal } from '../../../src/store/journal.js'

const journal = new Journal(process.argv[2]!)
await journal.ready()
for (let next = journal.stats.entries; ; next += 4) {
  const numbers = [next, next + 1, next + 2, next + 3]
  await Promise.all(
    numbers.map(number => journal.append(Buffer.from(`entry ${number} ${'x'.repeat(number % 900)}`)))
  )
  writeSync(1, `${next + 3}\n`)
}
