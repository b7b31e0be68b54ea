import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openStore } from '../../../src/network/cores.js'
import { pack } from '../../../src/storage/archive/pack.js'
import { atEnd, scratch } from '../../parts/storage/wire.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Files of the two trees that are compared. */
const FEW = 3_000
const MANY = 12_000
const FILES_PER_FOLDER = 250
/** Most bytes of objects and buffers that packing may hold for a file. */
const MOST_PER_FILE = 1024

async function writeFiles(root: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += FILES_PER_FOLDER) {
    const folder = join(root, `folder ${from / FILES_PER_FOLDER}`)
    await mkdir(folder, { recursive: true })
    const write = (_: unknown, i: number): Promise<void> => writeFile(join(folder, `${i}.txt`), `${from + i}`)
    await Promise.all(Array.from({ length: FILES_PER_FOLDER }, write))
  }
}

function inUse(): number {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

test('packing holds less than a kilobyte for each file, whenever it is looked at', async t => {
  const folder = await scratch(t)
  const peakOf = async (count: number): Promise<number> => {
    const name = `${count} files`
    const path = join(folder, name)
    await writeFiles(path, count)
    const store = openStore(join(folder, `store of ${name}`))
    atEnd(t, () => store.close())
    const before = inUse()
    let most = 0
    const look = (): void => void (most = Math.max(most, inUse() - before))
    // What is packed is looked at while its blocks are written: of the files, and of the list of entries.
    const list = store.namespace(name).get({ name: 'db', active: false })
    await list.ready()
    list.on('append', look)
    const { files } = await pack({ path, store, name, onProgress: look })
    await list.close()
    assert.equal(files, count)
    return most
  }
  await peakOf(FILES_PER_FOLDER) // what is loaded and compiled once is not counted
  const few = await peakOf(FEW)
  const many = await peakOf(MANY)
  const perFile = (many - few) / (MANY - FEW)
  t.diagnostic(`${perFile.toFixed(0)} bytes for each file; ${few} for ${FEW}, ${many} for ${MANY}`)
  assert.ok(perFile < MOST_PER_FILE, `${perFile.toFixed(0)} bytes for each file`)
})
