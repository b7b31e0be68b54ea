// Bundles the modules of lightningdevkit into dist/ldk.mjs: linking more than 700 modules took most of the start of a
// Lightning process. The bindings, the enums and the WebAssembly stay in the package and are imported from there.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'node_modules', 'lightningdevkit')
const target = join(root, 'dist', 'ldk.mjs')

const IMPORT = /^import .* from '(.*)';$/gm
const STRUCT = /^export \* from '\.\/structs\/(\w+)\.mjs';$/gm
const COMMENT = /^\s*\/\*[^]*?\*\/\n|^\/\/# sourceMappingURL=.*$/gm
/** The base class of all their classes; it comes first, because no other module is needed while modules load. */
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

/** The code of a module without its imports, which must all be in the bundle. */
function bodyOf(name, names) {
  const text = readFileSync(join(folder, 'structs', `${name}.mjs`), 'utf8')
  return text.replace(IMPORT, (line, from) => {
    const of = /^\.\.?\/(?:structs\/)?(\w+)\.mjs$/.exec(from)?.[1]
    if (of !== 'bindings' && !names.includes(of))
      throw new Error(`bushel: structs/${name}.mjs imports a module that is not bundled: ${line}`)
    return ''
  })
}

/** Replaces the bundle atomically, so that a process that starts meanwhile reads a complete file. */
function write(bundle) {
  if (existsSync(target) && readFileSync(target, 'utf8') === bundle) return
  const draft = `${target}.${process.pid}`
  writeFileSync(draft, bundle)
  renameSync(draft, target)
}
