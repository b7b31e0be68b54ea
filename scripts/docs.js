// Writes what is generated from declarations: pages of docs/, and the types of the library.
import { writeFileSync } from 'node:fs'
import { libraryTypes } from './library-types.js'
import { ready } from './ready.js'

ready()
const { exitCodesPage } = await import('../dist/src/cli/exit-codes.js')
const { statesPage } = await import('../dist/src/node/states-page.js')
const { apiPage } = await import('../dist/src/node/api/document/page.js')
const files = {
  'docs/exit-codes.md': exitCodesPage(),
  'docs/api.md': apiPage(),
  'docs/states.md': statesPage(),
  'types/index.d.ts': await libraryTypes()
}
for (const [name, text] of Object.entries(files)) writeFileSync(new URL(`../${name}`, import.meta.url), text)
