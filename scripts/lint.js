// Checks the size of folders, format, lint rules, layers and unused code, in this order; stops at the first failure.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fullFolders } from './folders.js'
import { install } from './ready.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = name => join(root, 'node_modules', '.bin', name)
const steps = [
  ['prettier', ['--check', '--log-level', 'warn', '.']],
  ['eslint', ['--cache', '--cache-location', join(root, 'node_modules', '.cache', 'eslint'), '.']],
  [
    'depcruise',
    [
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'err',
      'src',
      'contracts',
      'bin',
      'bench',
      'scripts'
    ]
  ],
  ['knip', []]
]

export function lint() {
  const full = fullFolders(root)
  if (full.length > 0) {
    process.stderr.write(`${full.join('\n')}\nbushel: folders are too full; nothing was changed\n`)
    return false
  }
  install()
  for (const [name, args] of steps) {
    const { status } = spawnSync(bin(name), args, { cwd: root, stdio: ['ignore', 2, 2] })
    if (status !== 0) {
      process.stderr.write(`bushel: ${name} found faults; nothing was changed\n`)
      return false
    }
  }
  return true
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(lint() ? 0 : 1)
