/**
 * A provider that lies: an ordinary node with a sandbox that replaces the output of every program. It takes the options
 * of `bushel up` and prints the same `ready` line.
 */
import { createHash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { parseBootstrap } from '../../src/cli/input/bootstrap.js'
import { Sandbox } from '../../src/compute/sandbox/sandbox.js'
import type { Outcome, AttemptOptions, SandboxJob } from '../../src/compute/sandbox/sandbox.js'
import { Daemon } from '../../src/daemon/daemon.js'
import { openNode } from '../../src/node/node.js'

const LIE = Buffer.from('       1        1        1 book.txt\n')

class LyingSandbox extends Sandbox {
  override async run(job: SandboxJob, options?: AttemptOptions): Promise<Outcome> {
    const outcome = await super.run(job, options)
    const tree = outcome.hash.slice(0, 64)
    return { ...outcome, stdout: LIE, hash: tree + createHash('sha256').update(LIE).digest('hex') }
  }
}

const { values } = parseArgs({
  allowPositionals: true,
  options: { home: { type: 'string' }, json: { type: 'boolean' } }
})
const daemon = new Daemon({
  home: values.home!,
  bootstrap: parseBootstrap(process.env['BUSHEL_BOOTSTRAP']),
  onlog: ({ level, message }) => level === 'error' && process.stderr.write(`${message}\n`),
  openNode: options => openNode({ ...options, worker: { openSandbox: () => new LyingSandbox() } })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void daemon.close())
await daemon.ready()
process.stdout.write(`${JSON.stringify(await daemon.describe())}\n`)
