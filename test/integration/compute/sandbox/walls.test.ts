import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { Readable, Writable } from 'node:stream'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pathOf } from '../../../../src/compute/sandbox/command.js'
import { bestWalls, Sandbox } from '../../../../src/compute/sandbox/sandbox.js'
import { seccompFilter } from '../../../../src/compute/sandbox/walls/seccomp.js'
import { isolations, job, program } from '../../../parts/compute/jobs.js'
import { compromisedBy } from './compromised.js'
import { guests } from './guest-processes.js'

const isLinux = process.platform === 'linux'
const [, bubblewrap] = isolations
const walls = await bestWalls()
const without = (wall: (typeof walls)[number]): string | false =>
  walls.includes(wall) ? false : `this machine does not offer ${wall}`

for (const { isolation, skip } of isolations)
  describe(
    `around a guest in isolation '${isolation}'`,
    { skip: isLinux ? skip : 'there is no /proc' },
    () => {
      test('no descriptor is open that this process inherited itself', async () => {
        const secret = openSync('/etc/passwd', 'r')
        // Descriptors 90 and 200 of the process: node closes only the first few at exec.
        const stdio = Array.from({ length: 201 }, (_, fd): 'ignore' | 'pipe' | number =>
          fd === 90 || fd === 200 ? secret : fd === 1 || fd === 2 ? 'pipe' : 'ignore'
        )
        const script = fileURLToPath(new URL('./guest-descriptors.js', import.meta.url))
        const child = spawn(process.execPath, [script, isolation], { stdio })
        closeSync(secret)
        const told = await text(child.stdout!)
        assert.deepEqual(JSON.parse(told), { guests: 2, found: [] })
      })
    }
  )

/** What code in a compromised guest reports: the code of the error of each attempt, or `done`. */
async function attempts(code: string, flags: readonly string[]): Promise<string> {
  const told = `
    const told = []
    const attempt = async (what, act) => {
      try { await act(); told.push(what + ' done') } catch (error) { told.push(what + ' ' + error.code) }
    }
    ${code}
    write(2, 'told: ' + told.join(', ') + ' end')
    process.abort()`
  const sandbox = new Sandbox({
    isolation: 'bwrap',
    warm: 0,
    nice: 0,
    flags: [...flags, ...compromisedBy(told)]
  })
  try {
    await sandbox.run(job(program('bombs')))
    return 'it ran'
  } catch (error) {
    return /told: (.*) end/.exec(error instanceof Error ? error.message : '')?.[1] ?? String(error)
  } finally {
    await sandbox.close()
  }
}

test(
  'a compromised guest makes threads, but no processes and no sockets',
  { skip: bubblewrap!.skip || without('seccomp') },
  async () => {
    const code = `
      const { spawnSync } = await import('node:child_process')
      const { connect } = await import('node:net')
      const { Worker } = await import('node:worker_threads')
      await attempt('process', () => { const { error } = spawnSync(process.execPath, ['--version']); if (error) throw error })
      await attempt('socket', () => new Promise((resolve, reject) => connect(53, '1.1.1.1').on('connect', resolve).on('error', reject)))
      await attempt('thread', () => new Promise((resolve, reject) => new Worker('0', { eval: true }).on('exit', resolve).on('error', reject)))
    `
    const told = await attempts(code, ['--allow-child-process', '--allow-worker'])
    assert.equal(told, 'process ENOSYS, socket ENOSYS, thread done')
  }
)

test(
  'a guest with too many threads is ended',
  { skip: isLinux ? bubblewrap!.skip : 'there is no /proc' },
  async () => {
    const code = `
      const { randomBytes } = await import('node:crypto')
      say(1); job(); say(2)
      // all threads of the pool start at its first use
      process.env.UV_THREADPOOL_SIZE = '100'
      randomBytes(1, () => {})
      await new Promise(resolve => setTimeout(resolve, 1e6))
    `
    const flags = compromisedBy(code)
    const sandbox = new Sandbox({ isolation: 'bwrap', warm: 0, nice: 0, flags })
    try {
      const { status, reason } = await sandbox.run(job(program('bombs')))
      assert.equal(status, 'trap')
      assert.match(reason, /more than 64 threads/)
    } finally {
      await sandbox.close()
    }
  }
)

/** How a program ends that runs in bubblewrap under the guests' filter, and what it says. */
async function filtered(words: readonly string[], filter: Buffer | null): Promise<[number | null, string]> {
  const child = spawn(
    pathOf('bwrap')!,
    [...['--ro-bind', '/', '/', '--unshare-user'], ...(filter ? ['--seccomp', '4'] : []), ...words],
    { stdio: ['ignore', 'ignore', 'pipe', 'ignore', 'pipe'] }
  )
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  const to = child.stdio[4] as Writable
  to.on('error', () => undefined)
  to.end(filter ?? Buffer.alloc(0))
  const said = await text(child.stderr as Readable)
  return [await ended, said]
}

test(
  'a program under the filter makes no user namespace',
  { skip: bubblewrap!.skip || without('seccomp') || (pathOf('unshare') ? false : 'there is no unshare') },
  async t => {
    const words = [pathOf('unshare')!, '--user', '/bin/true']
    const [open] = await filtered(words, null)
    if (open !== 0) return t.skip('no namespace can be made in bubblewrap here anyway')
    const [code, said] = await filtered(words, seccompFilter()!)
    assert.notEqual(code, 0)
    assert.match(said, /Function not implemented/)
  }
)

test('the walls that are named stand around each guest', { skip: bubblewrap!.skip }, async t => {
  t.diagnostic(walls.join(', '))
  const sandbox = new Sandbox({ isolation: 'bwrap', warm: 1 })
  try {
    await sandbox.warmed()
    assert.deepEqual(sandbox.walls, walls)
    const [guest] = await guests()
    assert.equal(/^Seccomp:\s+2$/m.test(guest!.status), walls.includes('seccomp'))
    const group = /^0::(.*)$/m.exec(await readFile(`/proc/${guest!.pid}/cgroup`, 'latin1'))?.[1] ?? ''
    const ours = /^0::(.*)$/m.exec(await readFile('/proc/self/cgroup', 'latin1'))?.[1] ?? ''
    if (walls.includes('memory-cgroup')) assert.notEqual(group, ours)
  } finally {
    await sandbox.close()
  }
})
