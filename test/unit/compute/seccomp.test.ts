import assert from 'node:assert/strict'
import test from 'node:test'
import { seccompFilter } from '../../../src/compute/sandbox/walls/seccomp.js'

const X64 = 0xc000_003e
const ARM64 = 0xc000_00b7

/** Runs classic BPF on a system call, as the kernel does. */
function verdict(filter: Buffer, audit: number, nr: number, args: readonly number[] = []): string {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(nr, 0)
  data.writeUInt32LE(audit, 4)
  args.forEach((arg, i) => data.writeUInt32LE(arg, 16 + 8 * i))
  let loaded = 0
  for (let at = 0; ;) {
    const [code, k] = [filter.readUInt16LE(8 * at), filter.readUInt32LE(8 * at + 4)]
    const [then, or] = [filter.readUInt8(8 * at + 2), filter.readUInt8(8 * at + 3)]
    at++
    if (code === 0x20) loaded = data.readUInt32LE(k)
    else if (code === 0x15) at += loaded === k ? then : or
    else if (code === 0x45) at += (loaded & k) !== 0 ? then : or
    else if (code === 0x06)
      return k === 0x7fff_0000 ? 'allowed' : k === 0x8000_0000 ? 'killed' : `error ${k - 0x0005_0000}`
    else throw new Error(`unknown instruction ${code}`)
  }
}

/** The flags with which a C library starts a thread, and those of namespaces. */
const THREAD = 0x003d_0f00
const NAMESPACES = [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000]
const ENOSYS = 'error 38'

for (const { name, audit, other, clone, ioctl, allowed, refused } of [
  {
    ...{ name: 'x64', audit: X64, other: ARM64, clone: 56, ioctl: 16 },
    // read, futex, mmap, execve, exit_group
    allowed: [0, 202, 9, 59, 231],
    // fork, vfork, clone3, unshare, setns, mount, ptrace, socket, bpf, io_uring_setup, userfaultfd, keyctl, and read of x32
    refused: [57, 58, 435, 272, 308, 165, 101, 41, 321, 425, 323, 250, 0x4000_0000]
  },
  {
    ...{ name: 'arm64', audit: ARM64, other: X64, clone: 220, ioctl: 29 },
    allowed: [63, 98, 222, 221, 94],
    refused: [435, 97, 268, 40, 117, 198, 280, 425, 282, 219]
  }
])
  test(`the filter of ${name} lets a guest make threads and little else`, () => {
    const filter = seccompFilter(name)!
    for (const nr of allowed) assert.equal(verdict(filter, audit, nr), 'allowed', `call ${nr}`)
    for (const nr of refused) assert.equal(verdict(filter, audit, nr), ENOSYS, `call ${nr}`)
    assert.equal(verdict(filter, audit, clone, [THREAD]), 'allowed')
    assert.equal(verdict(filter, audit, clone, [17]), ENOSYS, 'a process')
    for (const flag of NAMESPACES) assert.equal(verdict(filter, audit, clone, [THREAD | flag]), ENOSYS)
    assert.equal(verdict(filter, audit, ioctl, [0, 0x5421]), 'allowed', 'FIONBIO')
    assert.equal(verdict(filter, audit, ioctl, [0, 0x5412]), ENOSYS, 'TIOCSTI, which types for the user')
    assert.equal(verdict(filter, other, allowed[0]!), 'killed', 'another architecture')
  })

test('where the numbers of system calls are not known there is no filter', () => {
  assert.equal(seccompFilter('riscv64'), null)
})
