import { ALLOWED, ARCHITECTURES } from './system-calls.js'

/**
 * A filter of system calls for guests, in classic BPF as seccomp(2) takes it, for `bwrap --seccomp`. It allows what a guest
 * was seen to need, and answers everything else with ENOSYS, as a kernel would that does not have the call: libraries then
 * use an older one, or do without. Of calls that can do more than is needed, only some arguments are allowed: `clone` makes
 * threads, but neither processes nor namespaces; `clone3`, whose arguments a filter cannot see, is refused; `ioctl` asks
 * about terminals and sets whether a read waits. A call of another architecture ends the process.
 *
 * In pseudo-code:
 *
 *     if arch != ours: kill
 *     if nr == clone: allow when flags have CLONE_THREAD and none of CLONE_NEW*, else ENOSYS
 *     if nr == ioctl: allow when the request is listed, else ENOSYS
 *     if nr is listed: allow
 *     ENOSYS
 */
export function seccompFilter(architecture: string = process.arch): Buffer | null {
  const found = ARCHITECTURES[architecture]
  if (!found) return null
  const { audit, column } = found
  const number = (name: string): number => ALLOWED[name]![column]
  const plain = Object.keys(ALLOWED)
    .filter(name => name !== 'clone' && name !== 'ioctl')
    .map(number)
    .filter(nr => nr >= 0)
  const test = (value: number): Instruction[] => [
    { code: OP.jumpIfEqual, k: value, then: 0, or: 1 },
    { code: OP.return, k: RESULT.allow }
  ]
  const clone: Instruction[] = [
    { code: OP.load, k: AT.argument(0) },
    { code: OP.jumpIfAny, k: NEW_NAMESPACES, then: 2, or: 0 },
    { code: OP.jumpIfAny, k: CLONE_THREAD, then: 0, or: 1 },
    { code: OP.return, k: RESULT.allow },
    { code: OP.return, k: RESULT.noSuchCall }
  ]
  const ioctl: Instruction[] = [
    { code: OP.load, k: AT.argument(1) },
    ...IOCTLS.flatMap(test),
    { code: OP.return, k: RESULT.noSuchCall }
  ]
  return assembled([
    { code: OP.load, k: AT.architecture },
    { code: OP.jumpIfEqual, k: audit, then: 1, or: 0 },
    { code: OP.return, k: RESULT.kill },
    { code: OP.load, k: AT.number },
    { code: OP.jumpIfEqual, k: number('clone'), then: 0, or: clone.length },
    ...clone,
    { code: OP.jumpIfEqual, k: number('ioctl'), then: 0, or: ioctl.length },
    ...ioctl,
    ...plain.flatMap(test),
    { code: OP.return, k: RESULT.noSuchCall }
  ])
}

/** One instruction of classic BPF (struct sock_filter of linux/filter.h): `then` and `or` are instructions to skip. */
interface Instruction {
  code: number
  k: number
  then?: number
  or?: number
}

/** BPF_LD|BPF_W|BPF_ABS; BPF_JMP|BPF_JEQ|BPF_K; BPF_JMP|BPF_JSET|BPF_K; BPF_RET|BPF_K. */
const OP = { load: 0x20, jumpIfEqual: 0x15, jumpIfAny: 0x45, return: 0x06 } as const

/** Offsets in struct seccomp_data; of an argument, its lower half. */
const AT = { number: 0, architecture: 4, argument: (index: number) => 16 + 8 * index } as const

const ENOSYS = 38
/** SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS. */
const RESULT = { allow: 0x7fff_0000, noSuchCall: 0x0005_0000 | ENOSYS, kill: 0x8000_0000 } as const

const CLONE_THREAD = 0x0001_0000
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NEW_NAMESPACES = 0x7e02_0000

/** TCGETS, FIONBIO, FIONCLEX, FIOCLEX. */
const IOCTLS = [0x5401, 0x5421, 0x5450, 0x5451]

function assembled(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(8 * program.length)
  program.forEach(({ code, k, then = 0, or = 0 }, i) => {
    bytes.writeUInt16LE(code, 8 * i)
    bytes.writeUInt8(then, 8 * i + 2)
    bytes.writeUInt8(or, 8 * i + 3)
    bytes.writeUInt32LE(k, 8 * i + 4)
  })
  return bytes
}
