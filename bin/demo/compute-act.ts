import { readFile, readdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatAmount } from '../../contracts/money/money.js'
import { formatSize } from '../../contracts/money/quantity.js'
import type {
  Books,
  ComputeBook,
  EvidenceResult,
  JobProgress,
  LocalRunResult,
  MarketResult,
  RunResult
} from './answers.js'
import type { Stage } from './stage.js'
import { columns, short } from './words.js'

/** The result of the job, and the balance check of each node. */
export interface ComputeEnding {
  run: RunResult
  /** The device of the provider that lied. */
  liar: string
  /** The result of the same job on this machine. */
  local: LocalRunResult
  evidence: EvidenceResult
  /** Of the buyer, then of the providers in the order of `run`. */
  books: Books[]
}

interface Seller {
  home: string
  device: string
}

const MODULE = fileURLToPath(new URL('../../../docs/examples/wordcount.wasm', import.meta.url))
const DOCUMENTS = fileURLToPath(new URL('../../../docs/', import.meta.url))
const LIAR = fileURLToPath(new URL('./liar.js', import.meta.url))
const PROVIDERS = 3
const BUYER = 'customer'
/** A price at which the job costs more than its base and less than the first installment, so a liar gets only its base. */
const PRICE = '200 sat/Gfuel'
/** Most bytes of the input, so that the job stays below the first installment however much is documented. */
const BOOK_BYTES = 60_000
const BASE = '1 sat'

/** Three providers run one job, and one of them lies. Every node is a process of its own. Rejects when a step fails. */
export class ComputeAct {
  readonly #stage: Stage

  constructor(stage: Stage) {
    this.#stage = stage
  }

  async play(market: MarketResult): Promise<ComputeEnding> {
    const { voice } = this.#stage
    voice.act('Three providers sell compute; one of them lies')
    const sellers = await this.#sell(market)
    const liar = sellers.at(-1)!.device

    voice.act('A buyer runs one program at all three and compares')
    const book = await this.#book()
    await this.#stage.up(BUYER)
    await this.#stage.ask(BUYER, ['market', 'join', market.key])
    const run = await this.#run(book)

    voice.act('The evidence against the liar')
    const { evidence, local } = await this.#judge(run, liar, book)
    const ending = { run, liar, local, evidence, books: await this.#audit(run, sellers) }
    const fault = faultOf(ending)
    if (fault) throw new Error(fault)
    voice.say(...balances(ending))
    return ending
  }

  async #sell(market: MarketResult): Promise<Seller[]> {
    const { voice } = this.#stage
    const sellers = await Promise.all(
      Array.from({ length: PROVIDERS }, async (_, i) => {
        const isLiar = i === PROVIDERS - 1
        const home = isLiar ? 'liar' : `worker-${i + 1}`
        const { device } = await this.#stage.up(home, isLiar ? { script: LIAR } : {})
        await this.#stage.ask(home, ['market', 'join', market.key])
        const offer = ['--cores', '1', '--memory', '1GiB', '--allow-process']
        await this.#stage.ask(home, ['sell', 'compute', ...offer, '--price', PRICE, '--base', BASE])
        return { home, device }
      })
    )
    const { asks } = await this.#stage.ask<ComputeBook>('founder', ['book', 'compute'])
    voice.say('   the order book:')
    for (const { device, cores, memory } of asks) {
      const machine = `${cores} core, ${formatSize(memory)}`
      const what = device === sellers.at(-1)!.device ? '  (the liar)' : ''
      voice.say(`   ${short(device)}  ${machine} at ${PRICE} plus ${BASE} per job${what}`)
    }
    if (asks.length < PROVIDERS) throw new Error(`only ${asks.length} of ${PROVIDERS} offers are on the book`)
    return sellers
  }

  /** Writes the beginning of the pages of docs/ into one file, the input of the job. */
  async #book(): Promise<string> {
    const path = join(this.#stage.folder, 'book.txt')
    const pages = (await readdir(DOCUMENTS)).filter(name => name.endsWith('.md')).sort()
    const texts = await Promise.all(pages.map(name => readFile(join(DOCUMENTS, name))))
    await writeFile(path, Buffer.concat(texts).subarray(0, BOOK_BYTES))
    return path
  }

  async #run(book: string): Promise<RunResult> {
    const { voice } = this.#stage
    voice.say(`   bushel run ${basename(MODULE)} --in ${basename(book)} --verify ${PROVIDERS}`)
    const states: string[] = []
    const command = ['run', MODULE, '--in', book, '--verify', String(PROVIDERS), '--no-stdin']
    const run = await this.#stage.ask<RunResult>(BUYER, command, {
      online: line => this.#show(line as unknown as JobProgress, states)
    })
    const firstRevealed = states.indexOf('REVEALED')
    if (firstRevealed !== PROVIDERS || states.length !== 2 * PROVIDERS)
      throw new Error(`a result was revealed before all providers had committed: ${states.join(', ')}`)
    const rows = run.providers.map(({ device, hash, verdict, paid }) => [
      short(device),
      stdoutOf(hash),
      verdict === 'equal' ? 'equal' : 'different',
      formatAmount(BigInt(paid))
    ])
    voice.say('', ...columns([['provider', 'sha256 of the output', 'verdict', 'paid'], ...rows], [3]))
    return run
  }

  #show(progress: JobProgress, states: string[]): void {
    const { voice } = this.#stage
    if (progress.event === 'output' && progress.stream === 'stdout') {
      const text = Buffer.from(progress.base64, 'base64').toString().trimEnd()
      voice.say('   two of them agree on the result (lines, words, bytes):', `   ${text}`)
    }
    if (progress.event !== 'job' || !['COMMITTED', 'REVEALED'].includes(progress.state)) return
    states.push(progress.state)
    if (progress.state === 'COMMITTED')
      voice.say(`   ${short(progress.provider)} commits to a result that only it knows yet`)
    else if (states.length === PROVIDERS + 1) voice.say('   all have committed; now each reveals its result')
  }

  /** Verifies the evidence offline, and runs the same job on this machine. */
  async #judge(
    run: RunResult,
    liar: string,
    book: string
  ): Promise<Pick<ComputeEnding, 'evidence' | 'local'>> {
    const { voice } = this.#stage
    const [file] = run.evidence
    if (file === undefined) throw new Error('the liar left no evidence')
    const evidence = await this.#stage.ask<EvidenceResult>(BUYER, ['receipt', 'verify', file])
    const local = await this.#stage.ask<LocalRunResult>(BUYER, [
      ...['run', '--local', MODULE, '--in', book],
      '--no-stdin'
    ])
    voice.say(
      `   bushel receipt verify ${basename(file).slice(0, 8)}….json: valid`,
      `   ${short(evidence.provider)} signed ${stdoutOf(evidence.stated?.hash ?? '')}`,
      `   bushel run --local on this machine gives ${stdoutOf(local.hash)}`,
      `   ${short(liar)} got its base, which is paid before the job runs, and nothing more.`
    )
    return { evidence, local }
  }

  async #audit(run: RunResult, sellers: Seller[]): Promise<Books[]> {
    const providers = run.providers.map(async ({ device }) => {
      const { home } = sellers.find(seller => seller.device === device)!
      return this.#stage.audit(home, short(device))
    })
    return Promise.all([this.#stage.audit(BUYER, 'the buyer'), ...providers])
  }
}

/** The first characters of the checksum of standard output. */
function stdoutOf(hash: string): string {
  return `${hash.slice(64, 80)}…`
}

function balances({ books }: ComputeEnding): string[] {
  const rows = books.map(({ who, check }, i) => [
    who,
    ...(i === 0
      ? [check.paidMsat, check.consumedMsat, check.balanceMsat]
      : [check.receivedMsat, check.consumedMsat, check.owedMsat]
    ).map(msat => formatAmount(BigInt(msat)))
  ])
  return ['', ...columns([['ledger', 'paid', 'consumed', 'balance'], ...rows], [1, 2, 3])]
}

/** Why the outcome is not the expected one; null when it is. */
function faultOf({ run, liar, local, evidence, books }: ComputeEnding): string | null {
  const equal = run.providers.filter(({ verdict }) => verdict === 'equal')
  const other = run.providers.filter(({ verdict }) => verdict === 'other')
  if (run.status !== 'ok' || run.exitCode !== 0) return `the job is ${run.status}: ${run.reason}`
  if (equal.length !== PROVIDERS - 1 || other.length !== 1)
    return `${equal.length} providers have equal results, not ${PROVIDERS - 1}`
  if (other[0]!.device !== liar) return 'a provider other than the liar is blamed'
  if (run.hash !== local.hash || run.fuel !== local.fuel) return 'the run on this machine has another result'
  if (equal.some(({ hash }) => hash !== run.hash) || other[0]!.hash === run.hash)
    return 'equal results have different hashes'
  if (!evidence.ok || evidence.provider !== liar || evidence.stated?.hash !== other[0]!.hash)
    return 'the evidence is not valid'
  if (equal.some(({ paid }) => BigInt(paid) <= BigInt(other[0]!.paid)))
    return 'the liar was paid as much as an honest provider'
  for (const { who, check } of books) if (!check.ok) return `the ledger of ${who}: ${check.faults.join('; ')}`
  const [buyer, ...sellers] = books
  const wrong = sellers.find(({ check }, i) => check.receivedMsat !== run.providers[i]!.paid)
  if (wrong) return `the ledger of ${wrong.who} has received another amount`
  if (buyer!.check.paidMsat !== run.paidMsat) return 'the ledger of the buyer has paid another amount'
  return null
}
