import { RpcError } from './rpc-error.js'

/** The way to a payee over a node in between, as the payer sees it; amounts in msat, as digits. */
export interface HopRoute {
  payee: string
  /** The node in between, with which the payer has its channel. */
  hop: string
  /** Id of the channel between hop and payee. */
  scid: string
  /** The least that the hop passes on. */
  minMsat: string
  baseMsat: string
  ppm: number
  /** Whether gossip tells of it: otherwise only the hint of an invoice leads there. */
  announced: boolean
}

/** What a payer wants to know of a way: the amount, the highest fee, and what else it knows. */
export interface Asked {
  msat: bigint
  maxFeeMsat: bigint
  /** Ids of channels that it knows by a hint, or by a layer of its own. */
  hinted: ReadonlySet<string>
  /** Whether what xpay has learnt counts. */
  learnt: boolean
  spendableMsat: bigint
  online: boolean
}

const FOUND_NONE = 'We could not find a usable set of paths.'

/** Ways over hops, with xpay's memory of channels that failed and the layers of askrene, as v26.06 has them. */
export class Hops {
  /** The most that xpay believes a channel to carry, by its id and direction. */
  readonly #learnt = new Map<string, { maxMsat: bigint; at: number }>()
  readonly #layers = new Map<string, Set<string>>()
  /** Hops that are away. */
  readonly offline = new Set<string>()
  /** How often a way was asked for whose hop was away. */
  missed = 0

  /** The fee of a payment over this way; throws as getroutes and xpay do. */
  feeMsat(route: HopRoute | undefined, payee: string, asked: Asked): bigint {
    const { msat, maxFeeMsat, hinted, learnt, spendableMsat, online } = asked
    if (!route || !(route.announced || hinted.has(route.scid)))
      throw new RpcError(205, `Unknown destination node ${payee}`)
    if (!online) {
      this.missed++
      throw new RpcError(205, `${FOUND_NONE} All 1 channels to the source are disabled.`)
    }
    const path = `The shortest path is 103x1x0->${route.scid}, but`
    const known = this.#learnt.get(directionOf(route))
    if (learnt && known && msat > known.maxMsat)
      throw new RpcError(
        205,
        `${FOUND_NONE} ${path} ${directionOf(route)} layer xpay says max is ${known.maxMsat}msat`
      )
    const fee = BigInt(route.baseMsat) + (msat * BigInt(route.ppm)) / 1_000_000n
    if (msat + fee > spendableMsat)
      throw new RpcError(
        205,
        `${FOUND_NONE} ${path} 103x1x0/0 layer auto.localchans says max is ${spendableMsat}msat`
      )
    if (fee > maxFeeMsat) throw new RpcError(206, 'Could not find route without excessive cost')
    return fee
  }

  /** The error of xpay after a hop has refused this amount, which it remembers. */
  refused(route: HopRoute, msat: bigint): { code: number; message: string } {
    const maxMsat = msat - 1n
    this.#learnt.set(directionOf(route), { maxMsat, at: Math.floor(Date.now() / 1000) })
    const why = `We got temporary_channel_failure for the invoice's route hint (${directionOf(route)}), assuming it can't carry ${msat}msat.`
    const then = `${FOUND_NONE} The shortest path is 103x1x0->${route.scid}, but ${directionOf(route)} layer xpay says max is ${maxMsat}msat`
    return { code: 209, message: `Failed after 1 attempts. ${why} Then routing failed: ${then}` }
  }

  /** What the layers of a request add to gossip. */
  inLayers(layers: readonly string[]): Set<string> {
    const channels = new Set<string>()
    for (const layer of layers) {
      if (BUILT_IN.has(layer)) continue
      const own = this.#layers.get(layer)
      if (!own) throw new RpcError(-32602, `layers: unknown layer: invalid token '"${layer}"'`)
      for (const scid of own) channels.add(scid)
    }
    return channels
  }

  /** The names of the layers that were made and not removed. */
  get layers(): string[] {
    return [...this.#layers.keys()]
  }

  askrene(method: string, params: Record<string, unknown>): object {
    const layer = String(params['layer'])
    switch (method) {
      case 'askrene-create-layer': {
        if (this.#layers.has(layer)) throw new RpcError(-32602, 'Layer already exists')
        this.#layers.set(layer, new Set())
        const none = {
          created_channels: [],
          channel_updates: [],
          constraints: [],
          biases: [],
          node_biases: []
        }
        return { layers: [{ layer, persistent: false, disabled_nodes: [], ...none }] }
      }
      case 'askrene-create-channel': {
        const own = this.#own(layer)
        const scid = String(params['short_channel_id'])
        if (own.has(scid)) throw new RpcError(-32602, 'channel already exists')
        own.add(scid)
        return {}
      }
      case 'askrene-update-channel':
        this.#own(layer)
        return {}
      case 'askrene-remove-layer':
        this.#own(layer)
        this.#layers.delete(layer)
        return {}
      case 'askrene-age': {
        const old = [...this.#learnt].filter(([, { at }]) => at < Number(params['cutoff']))
        for (const [scid] of old) this.#learnt.delete(scid)
        return { layer, num_removed: old.length }
      }
      default:
        throw new RpcError(-32601, `Unknown command '${method}'`)
    }
  }

  #own(layer: string): Set<string> {
    const own = this.#layers.get(layer)
    if (!own) throw new RpcError(-32602, `layer: Unknown layer: invalid token '"${layer}"'`)
    return own
  }
}

const BUILT_IN = new Set(['auto.localchans', 'auto.sourcefree', 'xpay'])

export function directionOf({ hop, payee, scid }: HopRoute): string {
  return `${scid}/${hop < payee ? 0 : 1}`
}
