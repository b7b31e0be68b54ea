// Puts the modules of lightningdevkit into one, dist/ldk.mjs: there are more than 700 of them, and to link them took most
// of the time in which a Lightning process starts. Left in their place are the bindings, the enums and the WebAssembly.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'node_modules', 'lightningdevkit')
const target = join(root, 'dist', 'ldk.mjs')

const IMPORT = /^import .* from '(.*)';$/gm
const STRUCT = /^export \* from '\.\/structs\/(\w+)\.mjs';$/gm
const COMMENT = /^\s*\/\*[^]*?\*\/\n|^\/\/# sourceMappingURL=.*$/gm
/** What every class of theirs is made from; apart from it, no module needs another one before it runs. */
const BASE = 'CommonBase'

export function bundleLdk() {
  const index = readFileSync(join(folder, 'index.mjs'), 'utf8')
  const names = [BASE, ...Array.from(index.matchAll(STRUCT), ([, name]) => name)]
  const bundle = [
    "import * as bindings from 'lightningdevkit/bindings.mjs';",
    index.replace(STRUCT, '').replaceAll(" from './", " from 'lightningdevkit/"),
    ...names.map(name => bodyOf(name, names))
  ]
  write(bundle.join('\n').replace(COMMENT, ''))
}

/** A module without its imports, all of which must be in the bundle. */
function bodyOf(name, names) {
  const text = readFileSync(join(folder, 'structs', `${name}.mjs`), 'utf8')
  return text.replace(IMPORT, (line, from) => {
    const of = /^\.\.?\/(?:structs\/)?(\w+)\.mjs$/.exec(from)?.[1]
    if (of !== 'bindings' && !names.includes(of)) throw new Error(`bushel: structs/${name}.mjs: ${line}`)
    return ''
  })
}

/** A process that starts meanwhile reads the whole of it, before or after. */
function write(bundle) {
  if (existsSync(target) && readFileSync(target, 'utf8') === bundle) return
  const draft = `${target}.${process.pid}`
  writeFileSync(draft, bundle)
  renameSync(draft, target)
}
