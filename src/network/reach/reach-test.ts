import { isIPv4 } from 'node:net'
import type HyperDHT from 'hyperdht'

interface Place {
  host: string
  port: number
}

type Asked = Pick<HyperDHT, 'ping' | 'io' | 'toArray' | '_updateNetworkState'>

/** As many as hyperdht asks. */
const TESTERS = 5
/** Answers of each, to what leaves after the test does, in which the test would have come through. */
const ROUNDS = 2
/** Packets without an answer, a second each, after which nobody is there. */
const SILENT = 3

/**
 * Asks the nodes that are known whether they get through to this one. Resolves once they have, or have answered twice
 * meanwhile without: hyperdht waits some seconds for what never comes. `found` is called when the test itself has ended.
 */
export async function testReach(dht: Asked, found: () => void): Promise<void> {
  const nodes = dht.toArray({ limit: TESTERS })
  if (nodes.length === 0) return
  const { serverSocket } = dht.io
  let isThrough = false
  const onmessage = (): void => void (isThrough = true)
  serverSocket.on('message', onmessage)
  const tested = dht._updateNetworkState(true).then(() => {
    serverSocket.off('message', onmessage)
    found()
  })
  const answered = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS; round++) await mostAnswer(dht, nodes)
    if (isThrough) await tested
  }
  await Promise.race([tested, answered()])
}

/** Resolves to true when none of these nodes answers; to false as soon as one does, or where their names are to be looked up. */
export async function areSilent(
  dht: Pick<HyperDHT, 'ping' | 'io'>,
  nodes: readonly Place[]
): Promise<boolean> {
  if (!nodes.every(({ host }) => isIPv4(host))) return false
  await dht.io.bind()
  for (let packet = 0; packet < SILENT; packet++) {
    try {
      await Promise.any(nodes.map(node => dht.ping(node, { retry: false })))
      return false
    } catch (error) {
      if (!(error instanceof AggregateError)) throw error
    }
  }
  return true
}

/** Resolves when most have answered, or none is left to do so. */
async function mostAnswer(dht: Pick<HyperDHT, 'ping'>, nodes: readonly Place[]): Promise<void> {
  const most = Math.ceil(nodes.length / 2)
  let answers = 0
  const enough = new Promise<void>(resolve => {
    const count = (): void => {
      if (++answers === most) resolve()
    }
    void Promise.allSettled(nodes.map(node => dht.ping(node).then(count))).then(() => resolve())
  })
  await enough
}
