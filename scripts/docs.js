// Writes the pages of docs/ that are generated from declarations.
import { writeFileSync } from 'node:fs'
import { ready } from './ready.js'

ready()
const { exitCodesPage } = await import('../dist/src/cli/exit-codes.js')
const { apiPage } = await import('../dist/src/node/api/document/page.js')
const pages = { 'exit-codes.md': exitCodesPage(), 'api.md': apiPage() }
for (const [name, text] of Object.entries(pages))
  writeFileSync(new URL(`../docs/${name}`, import.meta.url), text)
