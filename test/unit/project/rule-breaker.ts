/**
 * Tests that break the rule of unit tests, each in one way. No run includes them, because of the name of this
 * file; the test of the rule runs them.
 */
import { exec, execFileSync, fork, spawn, spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import { createRequire } from 'node:module'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { promisify } from 'node:util'

type UdxClass = new () => { createSocket(): { close(): Promise<void> } }

const node = process.execPath
/** The library under each node of the DHT. */
const UDX_NATIVE = 'udx-native'

test('spawn', () => void spawn(node, ['--version']).kill())
test('spawnSync', () => void spawnSync(node, ['--version']))
test('execFileSync', () => void execFileSync(node, ['--version']))
test('exec', async () => void (await promisify(exec)('true')))
test('fork', () => void fork('no-such-file.js', { stdio: 'ignore' }).kill())
test('createSocket of dgram', () => void dgram.createSocket('udp4').close())
test('listen', () => void createServer().listen(0).close())
test('connect', () => void connect(9, '127.0.0.1', () => undefined).destroy())
test('createSocket of UDX', async () => {
  const UDX = createRequire(import.meta.url)(UDX_NATIVE) as UdxClass
  await new UDX().createSocket().close()
})
