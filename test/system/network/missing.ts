import { spawnSync } from 'node:child_process'

/** Why there can be no laboratory on this machine, or false. It is the `skip` of a test. */
export function missing(): string | false {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux'
  for (const program of ['ip', 'nft'])
    if (!answers(program, '-V') && !answers(program, '-v')) return `the program ${program} is not there`
  if (process.getuid?.() !== 0) return 'only root can make network namespaces'
  const probe = `bq${process.pid}-probe`
  const made = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' })
  if (made.status !== 0) return `no network namespaces: ${made.stderr.trim()}`
  try {
    const rules = 'table ip nat { chain out { type nat hook postrouting priority 100; masquerade; }; }'
    const nft = ['netns', 'exec', probe, 'nft', '-f', '-']
    const ruled = spawnSync('ip', nft, { input: rules, encoding: 'utf8' })
    return ruled.status !== 0 && `the kernel has no address translation: ${ruled.stderr.trim()}`
  } finally {
    spawnSync('ip', ['netns', 'del', probe])
  }
}

/** Why there can be no link with delay and loss, or false. */
export function missingWire(): string | false {
  const none = missing()
  if (none) return none
  if (!answers('socat', '-V')) return 'the program socat is not there'
  const tap = ['tuntap', 'add', 'mode', 'tap', 'name', 'bqprobe']
  const made = spawnSync('ip', tap, { encoding: 'utf8' })
  if (made.status !== 0) return `no TAP devices: ${made.stderr.trim()}`
  spawnSync('ip', tap.with(1, 'del'))
  return false
}

function answers(program: string, option: string): boolean {
  return spawnSync(program, [option]).status === 0
}
