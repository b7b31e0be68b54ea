import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Destination } from '../../../src/files/destination.js'
import { planTree } from '../../../src/files/tree-plan.js'
import { folder } from '../../parts/folder.js'

const file = (path: string) => ({ path, size: 1, executable: false, mode: 0o644, sha256: null })

/** What differs, two such names, and the other name of the probe, which a disk that takes both for one would find. */
const PAIRS: [string, string, string, string][] = [
  ['case', 'docs/Readme', 'docs/README', '.BUSHEL-A\u00e9'],
  ['accents', 'caf\u00e9', 'cafe\u0301', '.bushel-ae\u0301']
]

async function destinationOf(place: string, paths: string[]): Promise<Destination> {
  return Destination.at(join(place, 'dest'), await planTree('folder', paths.map(file)), false)
}

for (const [what, a, b, found] of PAIRS) {
  test(`names that differ only in ${what} are written where the disk tells them apart`, async t => {
    const dest = await destinationOf(await folder(t), [a, b])
    await dest.prepare()
    assert.deepEqual(
      (await readdir(dest.part)).filter(name => name.startsWith('.bushel')),
      [],
      'no probe is left'
    )
  })

  test(`names that differ only in ${what} are named where the disk takes them for one`, async t => {
    // A folder of that name stands for such a disk.
    const dest = await destinationOf(await folder(t), [a, b, `${found}/file`])
    await assert.rejects(dest.prepare(), {
      code: 'NAMES_CLASH',
      message: `'${a}' and '${b}' are the same name on this disk; nothing was written`
    })
    assert.equal(existsSync(dest.dest), false)
  })

  test(`other names are written on a disk that takes ${what} for one`, async t => {
    const dest = await destinationOf(await folder(t), ['one', 'two', `${found}/file`])
    await dest.prepare()
  })
}
