// Writes docs/states.md from the tables of states, after any change there. Build first: npm run states does.
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { statesPage } from '../dist/src/node/states-page.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
writeFileSync(join(root, 'docs', 'states.md'), statesPage())
