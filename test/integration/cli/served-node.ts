import { mkdtempSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { Daemon } from '../../../src/daemon/daemon.js'
import { Home } from '../../../src/identity/home.js'
import { FakeNode } from '../../doubles/fake-node.js'

/** A daemon with a fake node, up in a home of its own for all tests of a file. `module` is the path of a wasm file. */
export function serveNode(): { node: FakeNode; dir: string; home: string; module: string } {
  const dir = mkdtempSync(join(tmpdir(), 'bushel-commands-'))
  const home = join(dir, 'home')
  const module = join(dir, 'job.wasm')
  const node = new FakeNode(() => ({ markets: [] }))
  const daemon = new Daemon({ home, bootstrap: null, openNode: () => Promise.resolve(node) })
  before(async () => {
    await Home.create(home)
    await writeFile(module, 'the node reads it')
    await daemon.ready()
  })
  after(async () => {
    await daemon.close()
    await rm(dir, { recursive: true, force: true })
  })
  return { node, dir, home, module }
}
