import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The version of the package that contains this file. */
export function version(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as Record<
        string,
        string
      >
      if (name === 'bushel' && version) return version
    } catch (error) {
      if (at === dirname(at)) throw error // no package above: not an installation
    }
  }
}
