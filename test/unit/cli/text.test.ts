import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { Output } from '../../../src/cli/output/output.js'
import { ProgressLine } from '../../../src/cli/output/progress-line.js'
import type { Screen } from '../../../src/cli/output/progress-line.js'
import { table } from '../../../src/cli/output/table.js'

test('a table is as wide as its content and at most as wide as the page', () => {
  const columns = [
    { title: 'ID' },
    { title: 'NAME', flexible: true },
    { title: 'AMOUNT', align: 'right' as const }
  ]
  assert.deepEqual(
    table(columns, [
      ['a', 'b', '1'],
      ['aaaa', 'bb', '1000000']
    ]),
    ['ID    NAME   AMOUNT', 'a     b           1', 'aaaa  bb    1000000']
  )
  const lines = table(columns, [
    ['a', 'n'.repeat(100), '1'],
    ['b', 'short', '2']
  ])
  assert.ok(
    lines.every(line => line.length === 80),
    'the amounts end at the edge'
  )
  assert.match(lines[1]!, /n…/)
  assert.deepEqual(table(columns, []), ['ID  NAME  AMOUNT'])
})

function screen(live: boolean): Screen & { lines: string[]; drawn: string[] } {
  const lines: string[] = []
  const drawn: string[] = []
  return { live, lines, drawn, line: text => lines.push(text), draw: text => drawn.push(text) }
}

const upload = (done: number): Parameters<ProgressLine['show']>[0] => ({
  event: 'progress',
  step: 'upload',
  done: done * 2 ** 20,
  total: 100 * 2 ** 20,
  unit: 'bytes'
})

test('on a terminal a progress bar shows rate and time left and stays after the end', () => {
  const on = screen(true)
  let now = 0
  const bar = new ProgressLine(on, () => now)
  bar.show({ event: 'progress', step: 'find', done: 0, total: 0, unit: 'files' })
  bar.show(upload(0))
  now = 10
  bar.show(upload(1)) // too soon to draw again
  now = 10_000
  bar.show(upload(50))
  now = 20_000
  bar.show(upload(100))
  assert.deepEqual(on.drawn, [
    'find',
    'upload    [--------------------]    0%  0 B',
    'upload    [##########----------]   50%  50 MiB  5 MiB/s  0:10 left'
  ])
  assert.deepEqual(on.lines, ['upload    [####################]  100%  100 MiB  5 MiB/s'])
})

test('without a terminal progress is a plain line at intervals', () => {
  const on = screen(false)
  let now = 0
  const bar = new ProgressLine(on, () => now)
  for (; now <= 20_000; now += 100) bar.show(upload(now / 1000))
  bar.show({ event: 'note', message: 'one provider went away' })
  bar.show({
    event: 'payment',
    lease: 'l'.repeat(52),
    provider: 'p'.repeat(52),
    installment: 0,
    of: 6,
    msat: '5000',
    feeMsat: '0'
  })
  bar.show({ ...upload(0), step: 'pay' } as Parameters<ProgressLine['show']>[0])
  assert.deepEqual(on.drawn, [])
  assert.equal(on.lines.length, 6)
  assert.equal(on.lines[1], 'upload     10%  10 MiB  1 MiB/s  1:30 left')
  assert.equal(on.lines[4], 'paid      5 sat to pppppppp for lease llllllll, 1 of 6')
})

test('with --json progress lines are rate-limited, and the end of a step is always printed', () => {
  const stdout = new PassThrough()
  const output = new Output(true, { stdout, stderr: new PassThrough() })
  for (let i = 0; i <= 100; i++) output.progress(upload(i))
  const lines = String(stdout.read()).trim().split('\n')
  assert.ok(lines.length >= 2 && lines.length < 20, String(lines.length))
  assert.deepEqual(JSON.parse(lines.at(-1)!), upload(100))
})

test('a closed output pipe does not end the work', async () => {
  const stdout = new PassThrough()
  const output = new Output(true, { stdout, stderr: new PassThrough() })
  assert.equal(output.closed, false)
  stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
  await new Promise(setImmediate)
  assert.equal(output.closed, true)
  output.print({ still: 'here' }, () => '')
})

test('a text from a stranger adds no line and hides nothing', () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const output = new Output(false, { stdout, stderr })
  output.print({}, () => ['status  trap: x\nhint: run this', 'a\u001b[31mb\u2028c\u202ed\u200be'])
  output.print({}, () => 'one\r\ntwo')
  output.line('warning: a\nb\u0007')
  assert.equal(
    String(stdout.read()),
    'status  trap: x hint: run this\na\ufffd[31mb\ufffdc\ufffdd\ufffde\none two\n'
  )
  assert.equal(String(stderr.read()), 'warning: a b\ufffd\n')
})

test('what a program prints goes to a pipe as it is, and to a terminal without commands for it', () => {
  const written = (isTTY: boolean): string => {
    const [stdout, stderr] = [Object.assign(new PassThrough(), { isTTY }), new PassThrough()]
    const output = new Output(false, { stdout, stderr })
    const bytes = Buffer.from('a\tb\u001b]52;c;eA==\u0007\n\u009b2Jé')
    for (const part of [bytes.subarray(0, -1), bytes.subarray(-1)])
      output.progress({ event: 'output', stream: 'stdout', base64: part.toString('base64') })
    return (stdout.read() as Buffer).toString() + ((stdout.read() as Buffer | null)?.toString() ?? '')
  }
  assert.equal(written(false), 'a\tb\u001b]52;c;eA==\u0007\n\u009b2Jé')
  assert.equal(written(true), 'a\tb\ufffd]52;c;eA==\ufffd\n\ufffd2Jé')
})
