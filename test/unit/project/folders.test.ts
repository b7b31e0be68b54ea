import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { folder } from '../../parts/folder.js'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const { fullFolders } = (await import(join(root, 'scripts', 'folders.js'))) as {
  fullFolders: (root: string, options?: { roots: string[] }) => string[]
}

test('a folder with more than 16 files is named, at any depth, and one with 16 is not', async t => {
  const place = await folder(t)
  for (const [name, count] of [
    ['test/a/b', 17],
    ['test/a', 16],
    ['test', 1]
  ] as const) {
    await mkdir(join(place, name), { recursive: true })
    for (let i = 0; i < count; i++) await writeFile(join(place, name, `${i}.ts`), '')
  }
  assert.deepEqual(fullFolders(place, { roots: ['test'] }), ['test/a/b has 17 files, and may have 16'])
})

test('no folder of the project is too full', () => {
  assert.deepEqual(fullFolders(root), [])
})
