import { importable } from './calls.js'
import { SeededRandom, VirtualClock } from './clock.js'
import { Descriptors, OpenDescriptor, OpenFolder } from '../volume/descriptors.js'
import type { FuelAccount } from '../account.js'
import type { JobHeader } from '../frames.js'
import type { Machine } from './machine.js'
import { GuestMemory } from './memory.js'
import { VolumeFile, Folder, Volume } from '../volume/volume.js'
import { fileCalls } from './file-calls.js'
import { pathCalls } from './path-calls.js'
import { systemCalls } from './system-calls.js'

export const WASI_MODULE = 'wasi_snapshot_preview1'

export interface GuestJob {
  header: JobHeader
  module: Buffer
  stdin: Buffer
  files: readonly { path: string; bytes: Buffer }[]
}

/**
 * WASI preview 1 in memory, for one run. Inputs are under `/in`, which is read-only; the program writes its results under
 * `/out`. There are no other folders, and paths start with one of them (`/in/a.txt`, not `a.txt`).
 */
export class Wasi {
  readonly memory = new GuestMemory()
  readonly stdout: VolumeFile
  readonly stderr: VolumeFile
  readonly out: Volume
  readonly imports: Readonly<Record<string, (...args: unknown[]) => number>>

  constructor({ header, stdin, files }: GuestJob, account: FuelAccount) {
    const descriptors = new Descriptors()
    this.stdout = stream('standard output', header.stdoutBytes)
    this.stderr = stream('standard error', header.stderrBytes)
    const input = stream('standard input', stdin.byteLength, stdin)
    this.out = new Volume(true, { bytes: header.outputBytes, inodes: header.inodes, what: '/out' })
    descriptors.add(new OpenDescriptor(input, true, false, false, false))
    for (const output of [this.stdout, this.stderr]) {
      descriptors.add(new OpenDescriptor(output, false, true, true, false))
    }
    descriptors.add(new OpenFolder(inputs(files).root, '/in'))
    descriptors.add(new OpenFolder(this.out.root, '/out'))
    const machine: Machine = {
      args: header.args.map(arg => Buffer.from(arg)),
      memory: this.memory,
      account,
      clock: new VirtualClock(),
      random: new SeededRandom(Buffer.from(header.seed, 'hex')),
      descriptors
    }
    const calls = { ...fileCalls(machine), ...pathCalls(machine), ...systemCalls(machine) }
    this.imports = Object.assign(
      Object.create(null),
      Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, importable(name, call, account)]))
    )
  }
}

function stream(what: string, bytes: number, content?: Buffer): VolumeFile {
  return new VolumeFile(new Volume(content === undefined, { bytes, inodes: 1, what }), 0n, content)
}

function inputs(files: GuestJob['files']): Volume {
  const volume = new Volume(false, { bytes: Infinity, inodes: Infinity, what: '/in' })
  for (const { path, bytes } of files) {
    const names = path.split('/')
    const name = names.pop()!
    let folder = volume.root
    for (const step of names) {
      let next = folder.get(step)
      if (!next) folder.set(step, (next = new Folder(volume, 0n, folder, step)))
      if (!(next instanceof Folder)) throw new Error(`'${path}' goes through a file`)
      folder = next
    }
    folder.set(name, new VolumeFile(volume, 0n, bytes))
  }
  return volume
}
