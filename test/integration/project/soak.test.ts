import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isMet } from '../../../bench/figure.js'
import type { Figure } from '../../../bench/figure.js'
import { deals } from '../../../bench/strangers/soak/deals.js'
import { noDeals } from '../../../bench/strangers/soak/honest-buyer.js'
import type { DealsMade } from '../../../bench/strangers/soak/honest-buyer.js'
import { levels, slopeOf } from '../../../bench/strangers/soak/levels.js'
import { ReportFile } from '../../../bench/strangers/soak/report-file.js'
import type { Use } from '../../../bench/strangers/soak/watch.js'
import { folder } from '../../parts/folder.js'

const made = (seconds: number[], errors: string[] = []): DealsMade => ({
  ...noDeals(),
  ...{ seconds, errors, ends: seconds.map((_, i) => i) }
})
const missed = (figures: Figure[]): string[] =>
  figures.filter(figure => isMet(figure) === false).map(({ name }) => name)

test('a deal that failed misses the target, beside the attacks and beside the load on nobody', () => {
  assert.deepEqual(missed(deals(made([1]), made([2]))), [])
  const name = 'deals that failed'
  assert.deepEqual(missed(deals(made([1]), made([2], ['why']))), [name])
  assert.deepEqual(missed(deals(made([1], ['why']), made([2]))), [name])
  const { note } = deals(made([1]), made([2], ['rare', 'often', 'often'])).find(one => one.name === name)!
  assert.match(note!, /^3 of 4 .*\n +2 times: often\n +1 times: rare$/s)
})

test('deals that take more than twice as long, or none at all, miss the target', () => {
  const [name] = deals(made([1]), made([1])).map(figure => figure.name)
  assert.deepEqual(missed(deals(made([1]), made([2.1]))), [name])
  assert.deepEqual(missed(deals(made([1]), made([]))), [name])
})

/** A look every minute for an hour. */
const hour = (memory: (minute: number) => number, disk: (minute: number) => number = () => 5): Use[] =>
  Array.from({ length: 61 }, (_, i) => {
    return { at: i * 60, memory: memory(i), wallet: 0, disk: disk(i), files: 10, processor: i }
  })

test('what rises in the first half alone is level, and what rises in the last half is not', () => {
  const phase = (uses: Use[]) => ({ made: noDeals(), uses: new Map([['one', uses]]) })
  const flat = hour(() => 100)
  const early = hour(i => Math.min(100 + 10 * i, 390))
  const late = hour(i => 100 + i * 1.1)
  assert.deepEqual(missed(levels(phase(flat), phase(early), 60)), [])
  assert.deepEqual(missed(levels(phase(flat), phase(late), 60)), ['memory of one, slope of the last half'])
  assert.deepEqual(missed(levels(phase(flat), phase(late), 3)), [], 'three minutes are too few to tell')
  assert.equal(slopeOf(late, use => use.memory).toFixed(3), '66.000')
})

test('what deals leave on disk is no growth, as long as they leave no more than while nobody attacked', () => {
  const idle = {
    made: made([1, 1]),
    uses: new Map([
      [
        'one',
        hour(
          () => 1,
          i => i / 30
        )
      ]
    ])
  } // 1 MB a deal
  const each = (mb: number) => ({
    made: { ...made([]), ends: Array.from({ length: 61 }, (_, i) => i * 60) },
    uses: new Map([
      [
        'one',
        hour(
          () => 1,
          i => i * mb
        )
      ]
    ])
  })
  assert.deepEqual(missed(levels(idle, each(1), 60)), [])
  assert.deepEqual(missed(levels(idle, each(1.6), 60)), ['disk of one, slope of the last half'])
})

test('the report is on disk at every moment', async t => {
  const path = join(await folder(t), 'report.txt')
  const said: string[] = []
  const report = new ReportFile(path, what => said.push(what))
  report.note('for the file')
  report.say('for both')
  assert.match(await readFile(path, 'utf8'), /^\S+Z for the file\n\S+Z for both\n$/)
  report.figures('so far', deals(made([1]), made([2])))
  assert.match(await readFile(path, 'utf8'), /a deal beside the attacks, median/)
  assert.deepEqual(said, ['for both'])
})
