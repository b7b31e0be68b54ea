// Loaded with `--import` into every test file. A file under test/unit may neither start processes nor open sockets: there,
// each way to do so throws. Other files are left alone, and so is a socket in the file system, an odd file for some tests.
import childProcess from 'node:child_process'
import dgram from 'node:dgram'
import Module, { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const UNIT = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'test', 'unit') + sep

function forbid(object, names, what, allowed = () => false) {
  for (const name of names) {
    const original = object[name]
    object[name] = function (...args) {
      if (allowed(...args)) return original.apply(this, args)
      throw new Error(`A unit test may not ${what} (${name}): move it to test/integration.`)
    }
  }
}

const isPath = address => typeof address === 'string'

/** Sockets of UDX are made by every node of the DHT. The library is patched when something loads it. */
function forbidUdx() {
  const load = Module._load
  Module._load = function (request, ...rest) {
    const loaded = load.call(this, request, ...rest)
    if (/\budx-native\b/.test(request) && loaded.prototype?.createSocket)
      forbid(loaded.prototype, ['createSocket'], 'open a UDX socket')
    return loaded
  }
}

if (process.argv[1]?.startsWith(UNIT)) {
  const starts = ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork']
  forbid(childProcess, starts, 'start a process')
  forbid(childProcess.ChildProcess.prototype, ['spawn'], 'start a process')
  forbid(dgram, ['createSocket'], 'open a UDP socket')
  forbid(net.Server.prototype, ['listen'], 'listen on a TCP socket', isPath)
  forbid(net.Socket.prototype, ['connect'], 'connect a socket')
  forbidUdx()
  syncBuiltinESMExports()
}
