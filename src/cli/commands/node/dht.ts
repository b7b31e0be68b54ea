import { BootstrapNode, freePort } from '../../../daemon/bootstrap-node.js'
import { parsePort } from '../../input/arguments.js'
import { endOf, text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'dht',
  summary: 'run a bootstrap node for a private network on this machine',
  example: 'dht --port 49737',
  options: {
    '--port <n>': 'UDP port (default: any free port)'
  }
}

/** Runs a bootstrap node for a private network on this machine until a signal stops it. */
export const run: Action = async ({ dryRun, output, signal }, _positional, options) => {
  const given = text(options, 'port')
  const port = given === undefined ? null : parsePort(given)
  if (dryRun) {
    const result = { host: '127.0.0.1', port: await freePort(port), dryRun }
    output.print(result, () => `would run a bootstrap node at ${result.host}:${result.port}`)
    return
  }
  const node = new BootstrapNode(port)
  try {
    await node.ready()
    const { host, device } = node
    const ready = { event: 'ready', host, port: node.port, device, pid: process.pid }
    output.print(ready, () => [
      `bootstrap node of a private network at ${host}:${node.port}; stop it with Ctrl-C`,
      `nodes join the network with --bootstrap ${host}:${node.port}`
    ])
    await endOf(signal)
  } finally {
    await node.close()
  }
}
