import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeTree, noise } from '../samples/tree.js'
import type { Child } from './child.js'
import { Children } from './children.js'

const DEMO = fileURLToPath(new URL('../../bin/demo.js', import.meta.url))

/** The demo with a folder for temporary files of its own. */
export async function start(
  t: TestContext,
  args: string[]
): Promise<{ demo: Child; folder: string; input: string }> {
  const children = await Children.open(t)
  const [temporary, input] = [children.at('tmp'), children.at('input')]
  await mkdir(temporary)
  await makeTree(input, { 'a.txt': 'a', 'b/ü.bin': noise('demo', 100_000), 'b/link': { link: '../a.txt' } })
  // As npm runs it: from another folder than the user's.
  const env = { TMPDIR: temporary, INIT_CWD: dirname(input) }
  return { demo: children.script(DEMO, { args, env }), folder: children.dir, input }
}

/** Asserts that neither files nor processes of it are left. */
export async function assertGone(folder: string): Promise<void> {
  assert.deepEqual(await readdir(join(folder, 'tmp')), [])
  const processes = execFileSync('ps', ['-A', '-o', 'args'], { encoding: 'utf8' })
  assert.ok(!processes.includes(folder), processes)
}
