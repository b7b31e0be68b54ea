// node scripts/run.js TARGET [ARGS...]: installs and builds what is missing, then runs TARGET in this process.
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ready } from './ready.js'

ready()
const [target, ...rest] = process.argv.slice(2)
const file = join(dirname(dirname(fileURLToPath(import.meta.url))), target)
process.argv = [process.argv[0], file, ...rest]
await import(pathToFileURL(file).href)
