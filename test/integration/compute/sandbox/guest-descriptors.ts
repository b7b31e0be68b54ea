import { readFile, readdir, readlink } from 'node:fs/promises'
import { Sandbox } from '../../../../src/compute/sandbox/sandbox.js'
import type { Isolation } from '../../../../src/compute/sandbox/sandbox.js'
import { guests } from './guest-processes.js'

// A process that was started with open descriptors: prints those that its guests inherited.

const CLOSED_AT_EXEC = 0o2000000
const sandbox = new Sandbox({ isolation: process.argv[2] as Isolation, warm: 2 })
await sandbox.warmed()
const found: string[] = []
const all = await guests()
for (const { pid } of all)
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const flags = /^flags:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))![1]!
    if (Number(fd) > 2 && (Number.parseInt(flags, 8) & CLOSED_AT_EXEC) === 0)
      found.push(`${fd} ${await readlink(`/proc/${pid}/fd/${fd}`)}`)
  }
await sandbox.close()
process.stdout.write(JSON.stringify({ guests: all.length, found }))
