import { BootstrapNode, boundTo, freePort } from '../../../daemon/bootstrap-node.js'
import { parseHost, parsePort } from '../../input/arguments.js'
import { endOf, parsed } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'dht',
  summary: 'run a bootstrap node for a private network, on this machine or over several',
  example: 'dht --host 192.168.1.10 --port 49737',
  options: {
    '--port <n>': 'UDP port (default: any free port)',
    '--host <address>': 'IPv4 address at which others dial it (default: 127.0.0.1, this machine alone)'
  }
}

/** Runs a bootstrap node for a private network until a signal stops it. */
export const run: Action = async ({ access, dryRun, output, signal }, _positional, options) => {
  const host = parsed(options, 'host', parseHost)
  const port = parsed(options, 'port', parsePort)
  const { bootstrap } = access
  if (dryRun) {
    const at = host ?? '127.0.0.1'
    const result = { host: at, port: await freePort(port ?? null, boundTo(at)), dryRun }
    output.print(result, () => `would run a bootstrap node at ${result.host}:${result.port}`)
    return
  }
  const node = new BootstrapNode({ host, port, bootstrap })
  try {
    await node.ready()
    const { device } = node
    const ready = { event: 'ready', host: node.host, port: node.port, device, pid: process.pid }
    const others = (bootstrap ?? []).map(each => `${each.host}:${each.port}`)
    output.print(ready, () => [
      `bootstrap node of a private network at ${node.host}:${node.port}; stop it with Ctrl-C`,
      `nodes join the network with --bootstrap ${[`${node.host}:${node.port}`, ...others].join()}`
    ])
    await endOf(signal)
  } finally {
    await node.close()
  }
}
