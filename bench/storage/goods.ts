import { randomBytes } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MIB } from '../../contracts/money/quantity.js'

/** Writes a file of random bytes, which no layer can compress. */
export async function writeFileOf(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (let left = bytes; left > 0; left -= MIB) await file.writeFile(randomBytes(Math.min(left, MIB)))
  } finally {
    await file.close()
  }
}

/** Writes a tree of `count` files of `each` bytes, a hundred per folder. */
export async function writeTreeOf(path: string, count: number, each: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const folder = join(path, `folder-${Math.floor(i / 100)}`)
    if (i % 100 === 0) await mkdir(folder, { recursive: true })
    await writeFile(join(folder, `file-${i}`), randomBytes(each))
  }
}
