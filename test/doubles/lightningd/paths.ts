import { directionOf } from './hops.js'
import type { LightningNode } from './node.js'
import { RpcError } from './rpc-error.js'

type Params = Record<string, unknown>

/** A route by `getroute`, which knows nothing of hints nor of what failed. */
export function route(node: LightningNode, params: Params): object {
  const msat = BigInt(String(params['amount_msat']))
  const payee = String(params['id'])
  const channel = node.channels.find(one => one.peer === payee)
  if (channel) {
    if (node.spendable(channel) < msat) throw new RpcError(205, 'Could not find a route')
  } else if (!node.route(payee)?.announced) throw new RpcError(205, 'Could not find a route')
  // It knows nothing of what failed, nor of what can be spent.
  const over = channel ? null : node.route(payee)!
  const fee = over ? BigInt(over.baseMsat) + (msat * BigInt(over.ppm)) / 1_000_000n : 0n
  const first = {
    id: over?.hop ?? payee,
    channel: '103x1x0',
    direction: 0,
    amount_msat: Number(msat + fee),
    delay: 9,
    style: 'tlv'
  }
  const last = { ...first, id: payee, channel: over?.scid ?? '', amount_msat: Number(msat) }
  return { route: over ? [first, last] : [first] }
}

/** Routes with askrene: it knows the layers that it is given. */
export function routes(node: LightningNode, params: Params): object {
  if (!Array.isArray(params['layers'])) throw new RpcError(-32602, 'missing required parameter: layers')
  const layers = params['layers'] as string[]
  const [payee, msat] = [String(params['destination']), BigInt(String(params['amount_msat']))]
  if (payee === node.id) throw new RpcError(-1, 'child died with signal 6')
  const hinted = node.hops.inLayers(layers)
  const channel = node.channels.find(one => one.peer === payee)
  const cltv = Number(params['final_cltv'])
  const hop = (id: string, from: string, to: string, amount: bigint): object => ({
    short_channel_id_dir: id,
    node_id_in: from,
    node_id_out: to,
    amount_in_msat: Number(amount),
    amount_out_msat: Number(amount),
    cltv_in: cltv,
    cltv_out: cltv,
    next_node_id: to,
    amount_msat: Number(amount),
    delay: cltv
  })
  let path: object[]
  if (channel) {
    if (node.spendable(channel) < msat)
      throw new RpcError(
        205,
        `We could not find a usable set of paths. Total source capacity is only ${channel.ourMsat}msat (in 1 channels).`
      )
    path = [hop('103x1x0/0', node.id, payee, msat)]
  } else {
    const maxFeeMsat = BigInt(String(params['maxfee_msat']))
    const fee = node.feeMsat(payee, msat, { maxFeeMsat, hinted, learnt: layers.includes('xpay') })
    const over = node.route(payee)!
    path = [hop('103x1x0/0', node.id, over.hop, msat + fee), hop(directionOf(over), over.hop, payee, msat)]
  }
  const sum = { probability_ppm: 999_992 }
  return { ...sum, routes: [{ ...sum, amount_msat: Number(msat), final_cltv: cltv, path }] }
}
