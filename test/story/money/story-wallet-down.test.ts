import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import test from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { StatusResult } from '../../../src/node/api/api.js'
import { World } from '../../world/world.js'

/** The pid of the Lightning process of a node, once it differs from `last`. */
async function lightning(parent: number, signal: AbortSignal, last = 0): Promise<number> {
  for (;;) {
    signal.throwIfAborted()
    for (const name of await readdir('/proc')) {
      const pid = Number(name)
      if (!Number.isInteger(pid) || pid === last) continue
      // A process may end while it is inspected.
      const [status, command] = await Promise.all(
        ['status', 'cmdline'].map(file => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => ''))
      )
      if (status!.includes(`\nPPid:\t${parent}\n`) && command!.includes('play/child/main.js')) return pid
    }
    await pause(10)
  }
}

test(
  'a Lightning process that keeps ending shows in the status with its reason and comes back',
  { timeout: 120_000 },
  async t => {
    const world = await World.open(t)
    const { process: node } = await world.join('seller')
    const stands = async () => (await world.ok<StatusResult>('seller', ['status'])).wallet
    assert.deepEqual(await stands(), { state: 'working', reason: '' })

    let pid = await lightning(node.pid, t.signal)
    for (let death = 1; death <= 4; death++) {
      process.kill(pid, 'SIGSEGV')
      pid = await lightning(node.pid, t.signal, pid)
    }
    process.kill(pid, 'SIGSTOP') // it cannot open the wallet
    assert.deepEqual(await stands(), { state: 'down', reason: 'it ended with SIGSEGV' })
    const failure = await world.fails('seller', ['wallet'], 5)
    assert.equal(failure.code, 'WALLET_GONE')
    assert.match(failure.message, /SIGSEGV/)
    await node.line(({ message }) => /keeps ending \(it ended with SIGSEGV\)/.test(String(message)))

    process.kill(pid, 'SIGCONT')
    while ((await stands())?.state !== 'working') await pause(100)
    await world.ok('seller', ['wallet'])
  }
)
