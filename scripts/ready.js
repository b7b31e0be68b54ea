// Installs and builds what is missing. It imports only modules of Node, because it runs before anything is installed, and
// prints only to standard error, because standard output belongs to the command that follows.
import { createHash } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isListed } from './commands.js'
import { bundleLdk } from './ldk.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

function run(command, args, cwd = root) {
  const result = spawnSync(command, args, {
    cwd,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, HUSKY: '0' }
  })
  if (result.error) throw result.error
  if (result.status !== 0) {
    process.stderr.write(`bushel: ${command} ${args.join(' ')} failed\n`)
    process.exit(1)
  }
}

function stampOfDependencies(folder) {
  const lock = readFileSync(join(folder, 'package-lock.json'))
  return createHash('sha256').update(lock).update(process.version).update(process.arch).digest('hex')
}

/** Installs the dependencies of Bushel, or those of `part`, a folder with a lock file of its own, unless they are there. */
export function install(part = '') {
  const folder = join(root, part)
  const stamp = stampOfDependencies(folder)
  const file = join(folder, 'node_modules', '.ready')
  if (existsSync(file) && readFileSync(file, 'utf8') === stamp) return
  process.stderr.write(`bushel: installing dependencies${part && ` of ${part}`} (once)\n`)
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], folder)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, stamp)
}

/** Removes the output of deleted sources, which tsc keeps: otherwise deleted tests would still run. */
function removeStale() {
  const out = join(root, 'dist')
  if (!existsSync(out)) return
  for (const entry of readdirSync(out, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.js')) continue
    const file = join(entry.parentPath ?? entry.path, entry.name)
    const source = join(root, relative(out, file)).replace(/\.js$/, '.ts')
    if (!existsSync(source)) rmSync(file)
  }
}

export function build() {
  removeStale()
  run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--build'])
  if (!isListed()) run(process.execPath, [join(root, 'scripts', 'commands.js')])
  bundleLdk()
}

export function ready() {
  install()
  build()
}
