import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { KIND } from '../../../../src/compute/guest/frames.js'
import { Broken, Conversation } from '../../../../src/compute/sandbox/conversation.js'
import { Sandbox } from '../../../../src/compute/sandbox/sandbox.js'
import type { Outcome } from '../../../../src/compute/sandbox/sandbox.js'
import { MIB, isolations, job, program } from '../../../parts/compute/jobs.js'
import { workPerTurn } from '../../../parts/compute/turns.js'
import { compromisedBy } from './compromised.js'

// A module that broke out of WebAssembly would control the guest's process. These tests put such code there.

const BOUNDS = { stdoutBytes: 100, stderrBytes: 100, outputBytes: 1000, inodes: 3 }

function frame(kind: number, body: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(5)
  head.writeUInt8(kind)
  head.writeUInt32LE(bytes.byteLength, 1)
  return Buffer.concat([head, bytes])
}

function claim(kind: number, length: number): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(kind)
  head.writeUInt32LE(length, 1)
  return head
}

const END = { status: 'ok', limit: null, reason: '', exitCode: 0, fuel: '5', cpuMs: 1, peakBytes: 1 }
const end = (more: object = {}) => frame(KIND.end, JSON.stringify({ ...END, ...more }))
const begun = [frame(KIND.ready), frame(KIND.loaded), frame(KIND.compiled)]
const ended = [...begun, end(), frame(KIND.stdout, 'out'), frame(KIND.stderr, 'err')]
const kept = (path: string | Buffer, bytes = 'x') => [frame(KIND.path, path), frame(KIND.file, bytes)]

/** What the conversation reports after these frames, in pieces of `piece` bytes. */
function hear(frames: readonly Buffer[], piece = Infinity): { conversation: Conversation; heard: string[] } {
  const heard: string[] = []
  const conversation = new Conversation({
    ready: () => heard.push('ready'),
    loaded: () => heard.push('loaded'),
    compiled: () => heard.push('compiled'),
    refuel: (used, missing) => heard.push(`refuel ${used} ${missing}`),
    ended: ({ status, reason }) => heard.push(`ended ${status} ${reason}`),
    done: () => heard.push('done')
  })
  conversation.expect(BOUNDS)
  const all = Buffer.concat(frames)
  for (let at = 0; at < all.byteLength; at += piece) conversation.feed(all.subarray(at, at + piece))
  return { conversation, heard }
}

test('a conversation is parsed the same in pieces of any size', () => {
  const refuel = Buffer.alloc(16)
  refuel.writeBigUInt64LE(7n)
  refuel.writeBigUInt64LE(9n, 8)
  const frames = [
    ...begun,
    frame(KIND.refuel, refuel),
    end({ status: 'limit', limit: 'output', exitCode: -1, reason: 'a\u001b[31m\n b' }),
    frame(KIND.stdout, 'out'),
    frame(KIND.stderr),
    ...kept('b', 'bytes'),
    ...kept('a/b', ''),
    frame(KIND.done)
  ]
  const whole = hear(frames)
  assert.deepEqual(whole.heard, ['ready', 'loaded', 'compiled', 'refuel 7 9', 'ended limit a [31m b', 'done'])
  assert.deepEqual(
    whole.conversation.files.map(({ path }) => path),
    ['a/b', 'b']
  )
  for (const piece of [1, 2, 3, 7]) {
    const { heard, conversation } = hear(frames, piece)
    assert.deepEqual(heard, whole.heard)
    assert.equal(conversation.hash, whole.conversation.hash)
    assert.equal(String(conversation.stdout), 'out')
  }
})

test('an invalid message of a guest ends the conversation', () => {
  const cases: Record<string, readonly Buffer[]> = {
    'a kind that is not there': [frame(77)],
    'a result before the job': [frame(KIND.ready), end()],
    'ready twice': [frame(KIND.ready), frame(KIND.ready)],
    'a body where there is none': [frame(KIND.ready, 'x')],
    'more standard output than allowed': [...begun, end(), claim(KIND.stdout, 101)],
    'four GiB of standard output': [...begun, end(), claim(KIND.stdout, 0xffffffff)],
    'more standard error than allowed': [...begun, end(), frame(KIND.stdout), claim(KIND.stderr, 101)],
    'an ending without end': [...begun, claim(KIND.end, 5000)],
    'an ending that is not JSON': [...begun, frame(KIND.end, '{]')],
    'an ending that is null': [...begun, frame(KIND.end, 'null')],
    'an ending of no known status': [...begun, end({ status: 'fine' })],
    'success with a limit': [...begun, end({ limit: 'fuel' })],
    'a limit without its name': [...begun, end({ status: 'limit', exitCode: -1, reason: 'x' })],
    "a limit that is not the guest's to tell": [
      ...begun,
      end({ status: 'limit', limit: 'wall', exitCode: -1 })
    ],
    'fuel below zero': [...begun, end({ fuel: '-5' })],
    'fuel that is a number': [...begun, end({ fuel: 5 })],
    'an exit code that is none': [...begun, end({ exitCode: 1.5 })],
    'a peak that is no number': [...begun, end({ peakBytes: '1' })],
    'a path that leads out': [...ended, ...kept('../a'), frame(KIND.done)],
    'a path from the root': [...ended, ...kept('/a'), frame(KIND.done)],
    'a path twice': [...ended, ...kept('a'), ...kept('a'), frame(KIND.done)],
    'a path that is a file and a folder': [...ended, ...kept('a'), ...kept('a/b'), frame(KIND.done)],
    'a path with NUL': [...ended, ...kept('a\0'), frame(KIND.done)],
    'a path too long': [...ended, claim(KIND.path, 1025)],
    'more files than inodes': [...ended, ...kept('a'), ...kept('b'), ...kept('c'), ...kept('d')],
    'more bytes than allowed in one file': [...ended, frame(KIND.path, 'a'), claim(KIND.file, 1001)],
    'more bytes than allowed in two': [
      ...ended,
      ...kept('a', 'x'.repeat(900)),
      frame(KIND.path, 'b'),
      claim(KIND.file, 101)
    ],
    'a file without a path': [...ended, frame(KIND.file, 'x')],
    'anything after the end': [...ended, frame(KIND.done), frame(KIND.done)]
  }
  for (const [what, frames] of Object.entries(cases)) assert.throws(() => hear(frames), Broken, what)
  assert.equal(hear([...ended, ...kept('a'), ...kept('b'), frame(KIND.done)]).heard.at(-1), 'done')
})

const isOk = (outcome: Outcome) => assert.equal(outcome.status, 'ok', outcome.reason)
const isBroken = (outcome: Outcome) => {
  assert.equal(outcome.status, 'trap')
  assert.match(outcome.reason, /the sandbox was broken/)
}

const compromised: { title: string; code: string; check: (outcome: Outcome) => void }[] = [
  {
    title: 'a guest that floods its output is stopped',
    code: `say(1); job(); say(2); const flood = Buffer.alloc(1 << 20, 9); for (;;) write(1, flood)`,
    check: isBroken
  },
  {
    title: 'a guest that announces four GiB gets no buffer for them',
    code: `say(1); job(); say(2); say(3); say(5, Buffer.from(${JSON.stringify(JSON.stringify(END))})); say(6, Buffer.alloc(0), 0xffffffff); forever()`,
    check: isBroken
  },
  {
    title: 'a guest that reports more fuel than it was granted is not believed',
    code: `say(1); job(); say(2); say(3); say(5, Buffer.from(${JSON.stringify(JSON.stringify({ ...END, fuel: '9'.repeat(19) }))})); forever()`,
    check: isBroken
  },
  {
    title: 'a guest that asks for fuel twice at once is stopped',
    code: `say(1); job(); say(2); say(3); const ask = Buffer.alloc(16, 0); ask[8] = 1; say(4, ask); say(4, ask); forever()`,
    check: isBroken
  },
  {
    title: 'a guest that floods standard error is stopped',
    code: `say(1); job(); say(2); const flood = Buffer.alloc(1 << 20, 65); for (;;) write(2, flood)`,
    check: outcome => assert.notEqual(outcome.status, 'ok')
  },
  {
    title: 'a guest that never reports the end of compiling ends at the limit of compile time',
    code: `say(1); job(); say(2); forever()`,
    check: outcome => assert.deepEqual([outcome.status, outcome.limit], ['limit', 'module'])
  },
  {
    title: 'a guest that takes memory outside its module ends at the limit of memory',
    code: `say(1); job(); say(2); const all = []; for (;;) all.push(Buffer.alloc(1 << 24, 1))`,
    check: outcome => {
      assert.deepEqual([outcome.status, outcome.limit], ['limit', 'memory'])
      assert.ok(outcome.peakBytes > 300 * MIB, String(outcome.peakBytes))
    }
  },
  {
    title: 'the outcome says how a guest died',
    code: `say(1); job(); say(2); process.abort()`,
    check: outcome => {
      assert.equal(outcome.status, 'trap')
      assert.match(outcome.reason, /its process is gone/)
    }
  },
  {
    title: 'a guest cannot read files, start processes or threads, or write files',
    code: `
      const fails = []
      const attempt = async (what, act) => { try { await act(); fails.push(what) } catch (error) { if (error.code !== 'ERR_ACCESS_DENIED') fails.push(what + ' ' + error.code) } }
      const { spawnSync } = await import('node:child_process')
      const { Worker } = await import('node:worker_threads')
      await attempt('read', () => fs.readFileSync('/etc/passwd'))
      await attempt('list', () => fs.readdirSync('/'))
      await attempt('write', () => fs.writeFileSync('/tmp/bushel', ''))
      await attempt('spawn', () => spawnSync('/bin/true'))
      await attempt('thread', () => new Worker('0', { eval: true }))
      if (Object.keys(process.env).some(name => name !== 'PWD')) fails.push('environment')
      if (fails.length > 0) { fs.writeSync(2, fails.join()); process.abort() }
    `,
    check: isOk
  }
]

/** One read of a pipe, 64 KiB, and the messages and samples of a run: no more of a flood is looked at. */
const MOST_HEARD = 128 << 10

for (const { isolation, skip } of isolations) {
  describe(`a compromised guest in isolation '${isolation}'`, { skip }, () => {
    for (const { title, code, check } of compromised) {
      test(title, { timeout: 60_000 }, async () => {
        const sandbox = new Sandbox({ isolation, warm: 0, nice: 0, flags: compromisedBy(code) })
        after(() => sandbox.close())
        const meter = workPerTurn()
        try {
          const limits = { compileMs: 3000, wallMs: 3000, memoryBytes: 4 * MIB, outputBytes: MIB }
          const never = () => new Promise<null>(() => {})
          check(await sandbox.run(job(program('bombs'), { limits }), { refuel: never }))
        } finally {
          const { total } = meter.stop()
          assert.ok(total <= MOST_HEARD, `the node handled ${total} bytes of it`)
        }
      })
    }

    test('a sandbox that cannot start fails with the reason and does not hang', async () => {
      const sandbox = new Sandbox({ isolation, warm: 1, flags: ['--no-such-flag'] })
      await assert.rejects(sandbox.run(job(program('bombs'))), {
        code: 'SANDBOX_FAILED',
        message: /no-such-flag/
      })
      await sandbox.close()
    })
  })
}

test(
  'a compromised guest in bubblewrap has no network and no privileges',
  { skip: isolations[1]!.skip },
  async () => {
    const code = `
    import { networkInterfaces } from 'node:os'
    import { connect } from 'node:net'
    const faults = []
    let interfaces = {}
    try { interfaces = networkInterfaces() } catch (error) { if (error.code !== 'ERR_SYSTEM_ERROR') throw error }
    if (Object.values(interfaces).flat().some(({ internal }) => !internal)) faults.push('an interface')
    const code = await new Promise(resolve => connect(53, '1.1.1.1').on('connect', () => resolve('connected')).on('error', error => resolve(error.code)))
    if (code !== 'ENETUNREACH' && code !== 'ENOSYS') faults.push('a network: ' + code)
    if (process.getuid() !== 65534 || process.pid !== 1) faults.push('user ' + process.getuid() + ', process ' + process.pid)
    if (faults.length > 0) { write(2, faults.join()); process.abort() }
  `
    const sandbox = new Sandbox({ isolation: 'bwrap', warm: 0, nice: 0, flags: compromisedBy(code) })
    try {
      isOk(await sandbox.run(job(program('bombs'))))
    } finally {
      await sandbox.close()
    }
  }
)
