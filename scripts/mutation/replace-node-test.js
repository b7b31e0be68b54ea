// Loaded before the tests: lets them import node-test-in-mocha.js as node:test.
import { register } from 'node:module'

const standIn = new URL('node-test-in-mocha.js', import.meta.url).href
const hook = `export const resolve = (name, context, next) =>
  name === 'node:test' ? { url: ${JSON.stringify(standIn)}, shortCircuit: true } : next(name, context)`

register(`data:text/javascript,${encodeURIComponent(hook)}`)
