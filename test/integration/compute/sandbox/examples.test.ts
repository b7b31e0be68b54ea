import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Sandbox } from '../../../../src/compute/sandbox/sandbox.js'
import type { Outcome } from '../../../../src/compute/sandbox/sandbox.js'
import { job } from '../../../parts/compute/jobs.js'

const execute = promisify(execFile)
const examples = join(dirname(fileURLToPath(import.meta.url)), '../../../../docs/examples')
const sources = (await readdir(examples)).filter(name => name.endsWith('.c')).sort()
const names = sources.map(source => source.slice(0, -2))
const MOST_BYTES = 60 * 1024

interface Given {
  args?: string[]
  stdin?: string
  files?: Record<string, string>
}

const sandbox = new Sandbox({ nice: 0 })
after(() => sandbox.close())

function run(module: Buffer, { args = [], stdin = '', files = {} }: Given): Promise<Outcome> {
  return sandbox.run(
    job(module, {
      args,
      stdin: Buffer.from(stdin),
      files: Object.entries(files).map(([path, text]) => ({ path, bytes: Buffer.from(text) }))
    })
  )
}

const prebuilt = (name: string): Promise<Buffer> => readFile(join(examples, `${name}.wasm`))

/** The text after that word in the comment at the top of a source. */
async function lineOf(name: string, word: 'Build' | 'Run'): Promise<string> {
  const line = new RegExp(`^// ${word}: +(.+)$`, 'm').exec(
    await readFile(join(examples, `${name}.c`), 'utf8')
  )
  assert.ok(line, `${name}.c has no line '${word}:'`)
  return line[1]!
}

async function ok(name: string, given: Given): Promise<{ stdout: string; outcome: Outcome }> {
  const outcome = await run(await prebuilt(name), given)
  assert.equal(String(outcome.stderr), '')
  assert.deepEqual([outcome.status, outcome.exitCode], ['ok', 0])
  return { stdout: String(outcome.stdout), outcome }
}

const BOOK = 'It was the best of times,\nit was the  worst of times\tÄrger\n\nand no end'
const FOLDER = { 'b.txt': BOOK, 'a/deep/c': '', 'a.txt': 'one\n'.repeat(40_000) }
/** The input of each example when a fresh build is compared with the committed one. */
const GIVEN: Record<string, Given[]> = {
  wordcount: [{ files: FOLDER }, { stdin: BOOK }],
  checksums: [{ files: FOLDER }, {}],
  option: [{ args: ['2000', '7'] }, { args: [] }],
  search: [{ args: ['bushel/', '9'] }, { args: ['bushel/', '30', '5', '10'] }]
}

/** Lines, words and bytes, as `wc` counts them. */
function counted(text: string): string {
  const counts = [
    text.split('\n').length - 1,
    text.split(/[ \t-\r]+/).filter(Boolean).length,
    Buffer.byteLength(text)
  ]
  return counts.map(count => String(count).padStart(8)).join(' ')
}

/** Every word with how often it occurs, the most frequent first. */
function frequencies(...texts: string[]): string {
  const times = new Map<string, number>()
  for (const text of texts)
    for (const word of text.match(/[A-Za-z\u0080-\uffff]+/g) ?? []) {
      const lower = word.replace(/[A-Z]/g, letter => letter.toLowerCase())
      times.set(lower, (times.get(lower) ?? 0) + 1)
    }
  return [...times]
    .sort(([a, m], [b, n]) => n - m || Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([word, n]) => `${word}\t${n}\n`)
    .join('')
}

test('wordcount counts lines, words and bytes of the files under /in and lists the words', async () => {
  const { stdout, outcome } = await ok('wordcount', { files: FOLDER })
  const { 'a.txt': a, 'b.txt': b } = FOLDER
  assert.deepEqual(stdout.split('\n'), [
    `${counted('')} a/deep/c`,
    `${counted(a)} a.txt`,
    `${counted(b)} b.txt`,
    `${counted(a + b)} in all`,
    ''
  ])
  const [table, ...others] = outcome.files
  assert.deepEqual([table?.path, others], ['words.tsv', []])
  assert.equal(String(table!.bytes), frequencies(a, b))
})

test('wordcount counts standard input when /in is empty', async () => {
  const { stdout, outcome } = await ok('wordcount', { stdin: BOOK })
  assert.equal(stdout, `${counted(BOOK)} -\n`)
  assert.equal(String(outcome.files[0]!.bytes), frequencies(BOOK))
  const nothing = await ok('wordcount', {})
  assert.equal(nothing.stdout, `${counted('')} -\n`)
})

test('wordcount handles more words than its table starts with', async () => {
  const words = Array.from({ length: 3000 }, (_, i) => i.toString(26).replace(/\d/g, d => 'qrstuvwxyz'[+d]!))
  const { outcome } = await ok('wordcount', { stdin: [...words, ...words.slice(0, 10)].join(' ') })
  assert.equal(String(outcome.files[0]!.bytes), frequencies([...words, ...words.slice(0, 10)].join(' ')))
})

test('checksums prints the same as sha256sum', async () => {
  const sizes = [0, 1, 55, 56, 63, 64, 65, 119, 120, 65_536, 200_001]
  const files = Object.fromEntries(
    sizes.map(size => [`of-${String(size).padStart(6, '0')}`, 'bushel '.repeat(size).slice(0, size)])
  )
  const { stdout } = await ok('checksums', { files })
  const sum = (text: string): string => createHash('sha256').update(text).digest('hex')
  assert.equal(
    stdout,
    Object.entries(files)
      .map(([path, text]) => `${sum(text)}  ${path}\n`)
      .join('')
  )
  const { exitCode, stderr } = await run(await prebuilt('checksums'), {})
  assert.deepEqual([exitCode, String(stderr)], [1, 'there is no file under /in: give one with --in\n'])
})

/** The cumulative standard normal distribution, by Simpson's rule. */
function normalBelow(x: number): number {
  const steps = 2000
  const density = (t: number): number => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI)
  let sum = 0
  for (let i = 0; i <= steps; i++)
    sum += (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2) * density((x * i) / steps)
  return 0.5 + (sum * x) / steps / 3
}

test('option prices within its error and gives the same price for the same seed', async () => {
  const priced = async (...args: string[]): Promise<{ text: string; figures: number[] }> => {
    const { stdout } = await ok('option', { args })
    const figures = /^price (\S+) error (\S+) closed form (\S+)\n$/.exec(stdout)?.slice(1).map(Number)
    assert.ok(figures, stdout)
    return { text: stdout, figures }
  }
  const [spot, strike, rate, volatility, years] = [80, 90, 0.05, 0.3, 0.5]
  const spread = volatility * Math.sqrt(years)
  const d = (Math.log(spot / strike) + (rate + volatility ** 2 / 2) * years) / spread
  const expected = spot * normalBelow(d) - strike * Math.exp(-rate * years) * normalBelow(d - spread)
  const given = ['100000', '3', ...[spot, strike, rate, volatility, years].map(String)]
  const { text, figures } = await priced(...given)
  const [price, error, exact] = figures as [number, number, number]
  assert.ok(Math.abs(exact - expected) < 1e-5, `${exact}, ${expected}`)
  assert.ok(error > 0.005 && error < 0.05, `${error}`)
  assert.ok(Math.abs(price - expected) < 4 * error, text)
  assert.equal((await priced(...given)).text, text)
  assert.notEqual((await priced('100000', '4', ...given.slice(2))).text, text)
  const { exitCode, stderr } = await run(await prebuilt('option'), { args: ['1', '1'] })
  assert.equal(exitCode, 2)
  assert.match(String(stderr), /two paths/)
})

test('search finds the lowest number in its range with the wanted zero bits', async () => {
  const sum = (number: number): string => createHash('sha256').update(`bushel/${number}`).digest('hex')
  const lowest = (first: number): number => {
    while (!sum(first).startsWith('000')) first++
    return first
  }
  const found = lowest(0)
  const shown = (number: number): string => `bushel/${number} ${sum(number)}\n`
  assert.equal((await ok('search', { args: ['bushel/', '12'] })).stdout, shown(found))
  const next = lowest(found + 1)
  assert.equal((await ok('search', { args: ['bushel/', '12', String(found + 1)] })).stdout, shown(next))
  const short = { args: ['bushel/', '12', String(found + 1), String(next - found - 1)] }
  const { status, exitCode, stdout } = await run(await prebuilt('search'), short)
  assert.deepEqual([status, exitCode, String(stdout)], ['ok', 1, ''])
})

test('each example says how it is built and run, is small, and is in the table', async () => {
  assert.deepEqual(names, Object.keys(GIVEN).sort())
  const page = await readFile(join(examples, 'README.md'), 'utf8')
  for (const name of names) {
    const build = await lineOf(name, 'Build')
    assert.match(
      build,
      new RegExp(`^clang --target=wasm32-wasi -O2 \\S+ -o ${name}\\.wasm ${name}\\.c( -lm)?$`)
    )
    assert.match(await lineOf(name, 'Run'), new RegExp(`^bushel run ${name}\\.wasm `))
    assert.ok(page.includes(`| \`${name}.wasm\``), `${name} in README.md`)
    const { size } = await stat(join(examples, `${name}.wasm`))
    assert.ok(size < MOST_BYTES, `${name}.wasm has ${size} bytes`)
  }
})

test('the build lines build programs with the same behaviour', { timeout: 120_000 }, async t => {
  const folder = await mkdtemp(join(tmpdir(), 'bushel-examples-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await cp(examples, folder, { recursive: true, filter: path => !path.endsWith('.wasm') })
  for (const name of names) {
    const [compiler, ...args] = (await lineOf(name, 'Build')).split(' ')
    try {
      await execute(compiler!, args, { cwd: folder })
    } catch (error) {
      const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
      // a compiler that is present and knows the target has to build them
      if (await builds(folder)) throw error
      return t.skip(`no clang that builds for wasm32-wasi here: ${why}`)
    }
    const [now, before] = [await readFile(join(folder, `${name}.wasm`)), await prebuilt(name)]
    for (const given of GIVEN[name]!) {
      const [fresh, kept] = [await run(now, given), await run(before, given)]
      const seen = ({ status, exitCode, hash, stderr }: Outcome) => [status, exitCode, hash, String(stderr)]
      assert.deepEqual(seen(fresh), seen(kept), `${name} built now and before`)
    }
  }
})

/** Whether a compiler here can build an empty program. */
async function builds(folder: string): Promise<boolean> {
  const nothing = ['--target=wasm32-wasi', '-x', 'c', '-o', join(folder, 'nothing'), '-']
  return new Promise(resolve => {
    const compiler = execFile('clang', nothing, error => resolve(error === null))
    compiler.stdin!.on('error', () => resolve(false)).end('int main(void) { return 0; }\n')
  })
}
