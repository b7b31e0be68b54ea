/**
 * A fake lightningd in a process of its own: its own key, invoices and payments on disk, JSON-RPC on a Unix
 * socket with answers in the shape of a real node's. `node lightningd.js --dir DIR --socket PATH --network
 * NAME --folder SHARED`.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Frames, readJSON } from '../../../src/lightning/backends/cln/frames.js'
import { endWithTest, tell } from '../../world/parent.js'
import { answers } from './answers.js'
import type { Era } from './answers.js'
import { LightningNode, socketOf } from './node.js'
import { RpcError } from './rpc-error.js'
import { recordedIn, shapeFault } from './shape.js'

const { values } = parseArgs({
  options: {
    dir: { type: 'string' },
    socket: { type: 'string' },
    network: { type: 'string' },
    folder: { type: 'string' },
    syncing: { type: 'string' }
  }
})
const {
  dir,
  socket: path,
  network,
  folder,
  syncing = ''
} = values as Record<'dir' | 'socket' | 'network' | 'folder', string> & { syncing?: string }

mkdirSync(dir, { recursive: true })
mkdirSync(folder, { recursive: true })
const node = new LightningNode(join(dir, 'books'), network, folder)
rmSync(path, { force: true })
rmSync(join(folder, socketOf(node.id)), { force: true })

const recorded = ['cln-transcripts.jsonl', 'cln-routes.jsonl'].flatMap(name => {
  const file = fileURLToPath(new URL(`../../../../test/doubles/lightningd/${name}`, import.meta.url))
  return recordedIn(readFileSync(file, 'utf8'))
})

/**
 * An answer with a key or a type that no real node has given proves nothing: the fake ends, and its test
 * fails.
 */
function checked(method: string, result: object): object {
  const fault = method.startsWith('dev-') ? null : shapeFault(recorded, method, result)
  if (!fault) return result
  process.stderr.write(`the fake lightningd answers otherwise than Core Lightning: ${fault}\n`)
  process.exit(3)
}

/** Behaviour of the socket; set by `dev-behave`. */
const behaviour = {
  delayMs: 0,
  pieces: 0,
  cut: '',
  mute: '',
  syncing,
  fail: '',
  failCode: 0,
  era: '' as Era
}

/** What is said of `pay` or `getroute` is meant for what takes their place. */
function isMeant(said: string, method: string): boolean {
  return (
    said === method ||
    (said === 'pay' && method === 'xpay') ||
    (said === 'getroute' && method === 'getroutes')
  )
}

async function answer(connection: Socket, text: string): Promise<void> {
  const request = readJSON(text) as { jsonrpc?: string; id: unknown; method: string; params?: unknown }
  if (request.jsonrpc !== '2.0') {
    const message = `JSON-RPC message does not contain "jsonrpc" field: '${text}'`
    return void connection.write(
      JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32600, message } }) + '\n\n'
    )
  }
  const { id, method, params } = request
  if (method === 'dev-behave') {
    Object.assign(behaviour, params)
    if ('hold' in (params as object)) node.holding = Boolean((params as { hold: boolean }).hold)
    if (!node.holding) node.release()
    if ('stillborn' in (params as object))
      node.stillborn = Boolean((params as { stillborn: boolean }).stillborn)
    return void connection.write(JSON.stringify({ jsonrpc: '2.0', id, result: {} }) + '\n\n')
  }
  if (isMeant(behaviour.mute, method) || behaviour.mute === '*') return
  let body: object
  try {
    if (isMeant(behaviour.fail, method)) throw new RpcError(behaviour.failCode, 'as the test wishes')
    body = { result: checked(method, await answers(node, behaviour, method, params ?? [])) }
  } catch (error) {
    const { code = -32603, message, data } = error as RpcError
    body = { error: { code, message, ...(data === undefined ? {} : { data }) } }
  }
  const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, ...body }) + '\n\n')
  if (behaviour.delayMs > 0) await new Promise(resolve => setTimeout(resolve, behaviour.delayMs))
  if (isMeant(behaviour.cut, method)) {
    connection.write(bytes.subarray(0, bytes.byteLength >> 1), () => connection.destroy())
    return
  }
  const size = behaviour.pieces || bytes.byteLength
  for (let at = 0; at < bytes.byteLength; at += size) connection.write(bytes.subarray(at, at + size))
}

const server = createServer(connection => {
  const frames = new Frames()
  connection.on('error', () => undefined)
  connection.on('data', piece => {
    for (const text of frames.push(piece)) void answer(connection, text)
  })
})

await node.open()
await new Promise<void>(resolve => server.listen(path, resolve))
tell({ id: node.id })
endWithTest()
