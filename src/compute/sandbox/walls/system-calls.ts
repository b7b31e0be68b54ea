interface Architecture {
  /** AUDIT_ARCH_* of linux/audit.h. */
  audit: number
  /** Its place in the rows of ALLOWED. */
  column: 0 | 1
}

/** By `process.arch`. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: { audit: 0xc000_003e, column: 0 },
  arm64: { audit: 0xc000_00b7, column: 1 }
}

/**
 * System calls that guests may make: number on x86-64 and on arm64, -1 where there is none. It is what node was seen to
 * call in all jobs of the tests (strace), and what its libraries call instead on other kernels and versions. `execve` is
 * how bubblewrap starts node.
 */
export const ALLOWED: Readonly<Record<string, readonly [x64: number, arm64: number]>> = {
  // its descriptors
  read: [0, 63],
  write: [1, 64],
  readv: [19, 65],
  writev: [20, 66],
  pread64: [17, 67],
  lseek: [8, 62],
  close: [3, 57],
  fcntl: [72, 25],
  ioctl: [16, 29],
  poll: [7, -1],
  ppoll: [271, 73],
  pipe2: [293, 59],
  eventfd2: [290, 19],
  epoll_create1: [291, 20],
  epoll_ctl: [233, 21],
  epoll_pwait: [281, 22],
  epoll_wait: [232, -1],
  getsockname: [51, 204],
  getsockopt: [55, 209],
  // the files of node and of the guest, read-only
  open: [2, -1],
  openat: [257, 56],
  access: [21, -1],
  faccessat: [269, 48],
  faccessat2: [439, 439],
  stat: [4, -1],
  lstat: [6, -1],
  fstat: [5, 80],
  newfstatat: [262, 79],
  statx: [332, 291],
  readlink: [89, -1],
  readlinkat: [267, 78],
  getcwd: [79, 17],
  // memory
  brk: [12, 214],
  mmap: [9, 222],
  mprotect: [10, 226],
  mremap: [25, 216],
  munmap: [11, 215],
  madvise: [28, 233],
  membarrier: [324, 283],
  // threads and signals of its own
  clone: [56, 220],
  futex: [202, 98],
  gettid: [186, 178],
  set_tid_address: [218, 96],
  set_robust_list: [273, 99],
  rseq: [334, 293],
  sched_yield: [24, 124],
  sched_getaffinity: [204, 123],
  arch_prctl: [158, -1],
  tgkill: [234, 131],
  rt_sigaction: [13, 134],
  rt_sigprocmask: [14, 135],
  rt_sigreturn: [15, 139],
  sigaltstack: [131, 132],
  restart_syscall: [219, 128],
  execve: [59, 221],
  exit: [60, 93],
  exit_group: [231, 94],
  // who and what it is
  getpid: [39, 172],
  getppid: [110, 173],
  getuid: [102, 174],
  geteuid: [107, 175],
  getgid: [104, 176],
  getegid: [108, 177],
  capget: [125, 90],
  getrusage: [98, 165],
  prlimit64: [302, 261],
  uname: [63, 160],
  sysinfo: [99, 179],
  getrandom: [318, 278],
  // time
  clock_gettime: [228, 113],
  clock_getres: [229, 114],
  clock_nanosleep: [230, 115],
  nanosleep: [35, 101],
  gettimeofday: [96, 169]
}
