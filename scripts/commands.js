// Lists the commands with their syntax in dist/src/cli/commands.json, so that help need not load their code.
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const cli = new URL('../dist/src/cli/', import.meta.url)
const list = new URL('commands.json', cli)

/** The files of a folder of commands, sorted: a group comes before its commands. */
function filesOf(folder) {
  const names = readdirSync(new URL(`commands/${folder}/`, cli)).filter(name => name.endsWith('.js'))
  return names.map(name => name.slice(0, -'.js'.length)).sort()
}

/** True when no module below commands/ was built or removed after the list was written. */
export function isListed() {
  if (!existsSync(list)) return false
  const { mtimeMs } = statSync(list)
  const folder = fileURLToPath(new URL('commands', cli))
  const entries = readdirSync(folder, { recursive: true }).map(name => `${folder}/${name}`)
  return [folder, ...entries].every(path => statSync(path).mtimeMs <= mtimeMs)
}

export async function listCommands() {
  const { FOLDERS } = await import(new URL('commands/folders.js', cli).href)
  const listed = []
  for (const [folder, heading] of Object.entries(FOLDERS)) {
    for (const name of filesOf(folder)) {
      const file = `${folder}/${name}`
      const { syntax, run } = await import(new URL(`commands/${file}.js`, cli).href)
      for (const one of [syntax].flat()) listed.push({ file, heading, group: !run, syntax: one })
    }
  }
  return listed
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(list, JSON.stringify(await listCommands()) + '\n')
  process.exit() // some libraries that were loaded keep timers
}
