import { Children } from '../../world/children.js'
import type { Scope } from '../../world/children.js'
import type { Child } from '../../world/child.js'
import { World } from '../../world/world.js'
import { Namespaces } from './namespaces.js'
import { rules } from './routers.js'
import type { Router } from './routers.js'
import type { Shape } from './shape.js'
import type { WireOptions } from './wire.js'

const DHT_NODES = 10
const DHT_PORT = 49737
/** Frames that wait in the kernel while the process of a link cannot run; the queue of the link itself is in there. */
const TAP_QUEUE = 4096
const DHT = new URL('./dht.js', import.meta.url)
const WIRE = new URL('./wire.js', import.meta.url)

/** What is before a home: how many routers, and of which kind. */
export interface Before {
  router?: Router
  /** The name of a carrier whose network is between the router and the internet. */
  carrier?: string
  /** With it the way to the internet is an emulated link. */
  shape?: Shape
}

/** A way to the network outside. */
interface Uplink {
  /** The namespace and the device at its end here, and its address there. */
  space: string
  device: string
  address: string
  /** The other end of the cable. */
  far: { space: string; device: string }
  wire: { link: Child; shape: Shape } | null
}

interface Home {
  /** The namespace of the machine. */
  space: string
  router: string | null
  uplink: Uplink
  /** The way to the internet: its own, or that of its carrier. */
  outer: Uplink
}

interface Carrier {
  space: string
  uplink: Uplink
}

/**
 * An internet of network namespaces, for homes behind routers: one wire on which all have public addresses, a private
 * DHT, carriers and homes. A person of `world` has the name of a home, and its processes run there. All of it is gone
 * after the test.
 */
export class Lab {
  readonly world: World
  readonly #children: Children
  readonly #spaces = new Namespaces()
  readonly #inet: string
  readonly #homes = new Map<string, Home>()
  readonly #carriers = new Map<string, Carrier>()
  #devices = 0
  #addresses = 0

  private constructor(children: Children) {
    this.#children = children
    this.world = World.at(children, name => this.under(name))
    this.#inet = this.#spaces.add('inet')
    this.#spaces.ip(this.#inet, 'link add net type bridge', 'link set net up')
  }

  static async open(scope: Scope): Promise<Lab> {
    const lab = new Lab(await Children.open(scope))
    scope.after(() => lab.#spaces.remove())
    await lab.#openDht()
    return lab
  }

  /** A new home with one machine. */
  async home(name: string, { router, carrier, shape }: Before = {}): Promise<void> {
    const space = this.#spaces.add(`h-${name}`)
    if (!router) {
      const uplink = await this.#connect(space, shape)
      this.#homes.set(name, { space, router: null, uplink, outer: uplink })
      return
    }
    const before = this.#spaces.add(`r-${name}`)
    const network = carrier === undefined ? null : this.#carriers.get(carrier)!
    const uplink = network ? this.#subscribe(before, network) : await this.#connect(before, shape)
    this.#spaces.ip(before, 'link add lan type bridge', 'link set lan up', 'addr add 192.168.1.1/24 dev lan')
    const host = this.#plugIn(space, before)
    this.#spaces.nft(before, rules(router, { wan: uplink.device, host }))
    this.#homes.set(name, { space, router: before, uplink, outer: network?.uplink ?? uplink })
  }

  /** A second machine in a home. */
  neighbour(name: string, home: string): void {
    const { router, uplink, outer } = this.#homes.get(home)!
    const space = this.#spaces.add(`h-${name}`)
    this.#plugIn(space, router!)
    this.#homes.set(name, { space, router, uplink, outer })
  }

  /** A network of homes that share one public address. */
  async carrier(name: string, router: Router): Promise<void> {
    const space = this.#spaces.add(`c-${name}`)
    const uplink = await this.#connect(space)
    this.#spaces.ip(space, 'link add lan type bridge', 'link set lan up', 'addr add 100.64.0.1/10 dev lan')
    this.#spaces.nft(space, rules(router, { wan: uplink.device, host: null }))
    this.#carriers.set(name, { space, uplink })
  }

  /** The words that start a process in a home. */
  under(name: string): string[] {
    const home = this.#homes.get(name)
    if (!home) throw new Error(`the laboratory has no home '${name}'`)
    return ['ip', 'netns', 'exec', home.space]
  }

  /** Starts a built script in a home. */
  fork(name: string, script: URL, options?: unknown): Child {
    return this.#children.fork(script, { options, under: this.under(name) })
  }

  /** The address by which the internet knows a home. */
  addressOf(name: string): string {
    return this.#homes.get(name)!.outer.address.split('/')[0]!
  }

  /** Bytes that a home has sent. */
  sent(name: string): number {
    return this.#spaces.sent(this.#homes.get(name)!.uplink)
  }

  /** Pulls the cable of a home, or puts it back. */
  async cable(name: string, state: 'in' | 'out'): Promise<void> {
    const { far, wire } = this.#homes.get(name)!.uplink
    if (wire) await wire.link.ask(state === 'in' ? wire.shape : { ...wire.shape, lost: 100 })
    else this.#spaces.ip(far.space, `link set ${far.device} ${state === 'in' ? 'up' : 'down'}`)
  }

  /** Gives a home, or its carrier, another public address, as providers do at night. */
  move(name: string): void {
    const { outer } = this.#homes.get(name)!
    const { space, device, address } = outer
    outer.address = this.#address()
    this.#spaces.ip(space, `addr del ${address} dev ${device}`, `addr add ${outer.address} dev ${device}`)
  }

  /** Changes the link of a home that was made with one. */
  async shape(name: string, shape: Shape): Promise<void> {
    const wire = this.#homes.get(name)!.uplink.wire!
    wire.shape = shape
    await wire.link.ask(shape)
  }

  #address(): string {
    this.#addresses++
    return `5.2.${this.#addresses >> 8}.${this.#addresses & 255}/8`
  }

  /** Connects a namespace with the internet. */
  async #connect(space: string, shape: Shape | null = null): Promise<Uplink> {
    const device = shape ? `tap${++this.#devices}` : 'wan'
    const far = { space: this.#inet, device: `w${++this.#devices}` }
    let wire: Uplink['wire'] = null
    if (shape) {
      const options: WireOptions = { taps: [device, far.device], shape }
      const link = this.#children.fork(WIRE, { options, under: ['ip', 'netns', 'exec', this.#inet] })
      await link.next()
      wire = { link, shape }
      for (const tap of [device, far.device])
        this.#spaces.ip(this.#inet, `link set ${tap} txqueuelen ${TAP_QUEUE}`)
      this.#spaces.ip(this.#inet, `link set ${device} netns ${space}`)
    } else this.#spaces.ip(space, `link add ${device} type veth peer name ${far.device} netns ${far.space}`)
    this.#spaces.ip(far.space, `link set ${far.device} master net up`)
    const address = this.#address()
    this.#spaces.ip(space, `addr add ${address} dev ${device}`, `link set ${device} up`)
    return { space, device, address, far, wire }
  }

  /** Connects a router with the network of a carrier. */
  #subscribe(router: string, { space }: Carrier): Uplink {
    const far = { space, device: `c${++this.#devices}` }
    const address = `100.64.0.${10 + this.#devices}/10`
    this.#spaces.ip(router, `link add wan type veth peer name ${far.device} netns ${space}`)
    this.#spaces.ip(space, `link set ${far.device} master lan up`)
    const up = [`addr add ${address} dev wan`, 'link set wan up', 'route add default via 100.64.0.1']
    this.#spaces.ip(router, ...up)
    return { space: router, device: 'wan', address, far, wire: null }
  }

  /** Connects a machine with the router of its home; gives its address there. */
  #plugIn(space: string, router: string): string {
    const far = `l${++this.#devices}`
    const host = `192.168.1.${10 + this.#devices}`
    this.#spaces.ip(space, `link add lan type veth peer name ${far} netns ${router}`)
    this.#spaces.ip(router, `link set ${far} master lan up`)
    const up = [`addr add ${host}/24 dev lan`, 'link set lan up', 'route add default via 192.168.1.1']
    this.#spaces.ip(space, ...up)
    return host
  }

  async #openDht(): Promise<void> {
    await this.home('dht')
    const { space, uplink } = this.#homes.get('dht')!
    const hosts = Array.from({ length: DHT_NODES }, (_, i) => `5.1.${i + 1}.1`)
    this.#spaces.ip(space, ...hosts.map(host => `addr add ${host}/8 dev ${uplink.device}`))
    await this.fork('dht', DHT, { hosts, port: DHT_PORT }).next()
    this.#children.bootstrap = hosts
      .slice(0, 3)
      .map(host => `${host}:${DHT_PORT}`)
      .join()
  }
}
