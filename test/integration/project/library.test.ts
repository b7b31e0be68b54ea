import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { before, after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { BootstrapNode } from '../../../src/daemon/bootstrap-node.js'

const run = promisify(execFile)
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..')

let project = ''

/** An empty project with the packed tarball in it; what is under it comes from here, so that no network is needed. */
before(async () => {
  project = await mkdtemp(join(tmpdir(), 'bushel-library-'))
  const modules = join(project, 'node_modules')
  await mkdir(join(modules, 'bushel'), { recursive: true })
  const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], {
    cwd: root
  })
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }]
  await run('tar', ['-xzf', join(project, filename), '--strip-components=1', '-C', join(modules, 'bushel')])
  for (const entry of await readdir(join(root, 'node_modules')))
    if (!entry.startsWith('.')) await symlink(join(root, 'node_modules', entry), join(modules, entry))
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }')
})
after(() => rm(project, { recursive: true, force: true }))

test(
  'the example of the library runs in an empty project, and its process ends by itself',
  { timeout: 120_000 },
  async t => {
    const dht = new BootstrapNode()
    await dht.ready()
    t.after(() => dht.close())
    await copyFile(join(root, 'docs', 'examples', 'library.mjs'), join(project, 'library.mjs'))
    const words = ['library.mjs', 'home', dht.host, String(dht.port)]
    const first = await run('node', words, { cwd: project })
    assert.deepEqual(first.stdout.trim().split('\n'), [
      'write these words down, they are told once: 24 words',
      'market mine: 0 offers, 0 bids',
      'can send 1000000 sat',
      "BAD_INPUT: the parameter 'copies' of mirror must be a whole number from 1 to 64"
    ])
    const again = await run('node', words, { cwd: project })
    assert.deepEqual(again.stdout.trim().split('\n'), first.stdout.trim().split('\n').slice(1))
  }
)

test('the types of the library hold in a strict project that has nothing else', async () => {
  await writeFile(
    join(project, 'program.ts'),
    `import { BushelError, Node, createHome } from 'bushel'
import type { Params, Progress, Result } from 'bushel'

export async function first(home: string): Promise<Result<'mirror'>> {
  const { identity }: { identity: string } = await createHome({ home })
  const node = await Node.open({ home, serve: true })
  const params: Params<'mirror'> = { path: identity, copies: 2, time: 1 }
  const onProgress = (progress: Progress): string => (progress.event === 'note' ? progress.message : '')
  try {
    return await node.call('mirror', params, { onProgress })
  } catch (error) {
    if (error instanceof BushelError && error.kind === 'input') throw new Error(error.hint)
    throw error
  } finally {
    await node.close()
  }
}

// @ts-expect-error: no such call
export const wrong = (node: Node): unknown => node.call('mirrored', {})
// @ts-expect-error: an amount is a string of digits
export const number = (node: Node): unknown => node.call('wallet.pay', { invoice: 'ln', maxMsat: 5 })
`
  )
  await writeFile(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: { strict: true, module: 'nodenext', target: 'es2022', noEmit: true, types: [] },
      files: ['program.ts']
    })
  )
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { stdout } = await run('node', [tsc, '-p', project]).catch((error: { stdout: string }) => error)
  assert.equal(stdout, '')
})
