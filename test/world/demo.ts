import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeTree, noise } from '../samples/tree.js'

const DEMO = fileURLToPath(new URL('../../bin/demo.js', import.meta.url))

export interface Show {
  child: ChildProcess
  stdout: () => string
  /** Resolves when that text appears on standard error. */
  said: (text: string) => Promise<void>
  ended: Promise<[code: number | null]>
}

/** The demo with a folder for temporary files of its own. */
export async function start(
  t: TestContext,
  args: string[]
): Promise<Show & { folder: string; input: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'bushel-demo-test-'))
  const temporary = join(folder, 'tmp')
  await mkdir(temporary)
  const input = join(folder, 'input')
  await makeTree(input, { 'a.txt': 'a', 'b/ü.bin': noise('demo', 100_000), 'b/link': { link: '../a.txt' } })
  // As npm runs it: from another folder than the user's.
  const env = { ...process.env, TMPDIR: temporary, INIT_CWD: dirname(input) }
  const child = spawn(process.execPath, [DEMO, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const heard = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (heard.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (heard.stderr += text))
  const ended = once(child, 'close') as Promise<[number | null]>
  t.after(async () => {
    child.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true, force: true })
  })
  const said = async (text: string): Promise<void> => {
    while (!heard.stderr.includes(text)) {
      assert.equal(child.exitCode, null, heard.stdout + heard.stderr)
      await Promise.race([once(child.stderr, 'data'), ended])
    }
  }
  return { child, stdout: () => heard.stdout, said, ended, folder, input }
}

/** Asserts that neither files nor processes of it are left. */
export async function assertGone(folder: string): Promise<void> {
  assert.deepEqual(await readdir(join(folder, 'tmp')), [])
  const processes = execFileSync('ps', ['-A', '-o', 'args'], { encoding: 'utf8' })
  assert.ok(!processes.includes(folder), processes)
}
