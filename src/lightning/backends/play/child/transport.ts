import * as ldk from '#ldk'
import type { LdkEngine } from './engine.js'
import { free, present } from './ldk.js'
import { ACK_STEP, WINDOW, type FromChild, type ToChild } from '../messages.js'

interface PeerConnection {
  id: number
  nodeId: Buffer
  owner: Buffer | null
  descriptor: ldk.SocketDescriptor
  /** Bytes from LDK that wait until the state is on disk. */
  outbox: Buffer[]
  /** Bytes sent to the parent and not yet acknowledged as written to the stream. */
  unacked: number
  /** LDK's write was refused; it waits for a call of `write_buffer_space_avail`. */
  full: boolean
  inbox: Buffer[]
  /** Bytes passed to LDK and not yet acknowledged to the parent. */
  taken: number
  reading: boolean
  /** LDK no longer uses the descriptor. */
  dead: boolean
}

/** The child's side of the connections: carries bytes between LDK's peer manager and messages to the parent. */
export class Transport {
  readonly #engine: LdkEngine
  readonly #send: (message: FromChild) => void
  readonly #requestCycle: () => void
  readonly #connections = new Map<number, PeerConnection>()
  #descriptorId = 0n

  constructor(engine: LdkEngine, send: (message: FromChild) => void, requestCycle: () => void) {
    this.#engine = engine
    this.#send = send
    this.#requestCycle = requestCycle
  }

  connected(nodeId: Buffer): boolean {
    const peer = this.#engine.peers.peer_by_node_id(nodeId)
    const here = present(peer)
    if (here) free(peer, 'PeerDetails')
    return here
  }

  /** The device over whose connection a node has its session; null when it is not known. */
  deviceOf(nodeId: Buffer): Buffer | null {
    for (const { nodeId: claimed, owner, dead } of this.#connections.values())
      if (!dead && claimed.equals(nodeId)) return owner
    return null
  }

  attach({ conn, nodeId, outbound, owner }: Extract<ToChild, { type: 'attach' }>): void {
    if (!this.#makeRoom(nodeId, owner)) {
      this.#send({ type: 'closed', conn })
      return
    }
    const connection: PeerConnection = {
      id: conn,
      nodeId,
      owner,
      descriptor: this.#descriptor(conn),
      outbox: [],
      unacked: 0,
      full: false,
      inbox: [],
      taken: 0,
      reading: true,
      dead: false
    }
    this.#connections.set(conn, connection)
    const nowhere = ldk.Option_SocketAddressZ.constructor_none()
    if (outbound) {
      const first = this.#engine.peers.new_outbound_connection(nodeId, connection.descriptor, nowhere)
      if (first instanceof ldk.Result_CVec_u8ZPeerHandleErrorZ_OK) put(connection, first.res)
      else connection.dead = true
    } else {
      connection.dead = !this.#engine.peers.new_inbound_connection(connection.descriptor, nowhere).is_ok()
    }
    this.#requestCycle()
  }

  /** Call with bytes from the peer. */
  receive(conn: number, bytes: Buffer): void {
    const connection = this.#connections.get(conn)
    if (!connection) return
    connection.inbox.push(bytes)
    this.#requestCycle()
  }

  /** Call when the parent has written `size` bytes to the stream. */
  acked(conn: number, size: number): void {
    const connection = this.#connections.get(conn)
    if (!connection) return
    connection.unacked -= size
    if (!connection.full || connection.unacked >= WINDOW / 2 || connection.dead) return
    connection.full = false
    if (!this.#engine.peers.write_buffer_space_avail(connection.descriptor).is_ok()) connection.dead = true
    this.#requestCycle()
  }

  /** Call when the stream is closed. */
  detach(conn: number): void {
    const connection = this.#connections.get(conn)
    if (connection) this.#drop(connection)
    this.#requestCycle()
  }

  /** Passes received bytes to LDK. Must not be called inside an LDK callback. */
  read(): void {
    for (const connection of this.#connections.values()) {
      while (connection.inbox.length && connection.reading && !connection.dead) {
        const bytes = Buffer.concat(connection.inbox.splice(0))
        const taken = this.#engine.peers.read_event(connection.descriptor, bytes)
        this.#took(connection, bytes.length)
        if (!(taken instanceof ldk.Result_boolPeerHandleErrorZ_OK)) connection.dead = true
        else if (taken.res) connection.reading = false
      }
    }
  }

  #took(connection: PeerConnection, size: number): void {
    connection.taken += size
    if (connection.taken < ACK_STEP) return
    this.#send({ type: 'ack', conn: connection.id, size: connection.taken })
    connection.taken = 0
  }

  /** Sends the collected bytes. Call only when the state that they commit us to is on disk. */
  flush(): void {
    for (const connection of this.#connections.values()) {
      const { id, outbox, dead } = connection
      if (outbox.length) this.#send({ type: 'data', conn: id, bytes: Buffer.concat(outbox.splice(0)) })
      if (!dead) continue
      this.#connections.delete(id)
      this.#send({ type: 'closed', conn: id })
    }
  }

  /** Whether a new stream to this node is allowed; drops the stream that it replaces. */
  #makeRoom(nodeId: Buffer, owner: Buffer | null): boolean {
    for (const other of this.#connections.values()) {
      if (other.dead || !other.nodeId.equals(nodeId)) continue
      const same = owner && other.owner ? owner.equals(other.owner) : owner === other.owner
      if (!same && this.connected(nodeId)) return false
      this.#drop(other)
      this.#send({ type: 'closed', conn: other.id })
    }
    return true
  }

  #drop(connection: PeerConnection): void {
    this.#connections.delete(connection.id)
    if (!connection.dead) this.#engine.peers.socket_disconnected(connection.descriptor)
    connection.dead = true
  }

  #descriptor(conn: number): ldk.SocketDescriptor {
    const number = ++this.#descriptorId
    return ldk.SocketDescriptor.new_impl({
      send_data: (data, resume) => {
        const connection = this.#connections.get(conn)
        if (!connection || connection.dead) return 0
        if (resume && !connection.reading) {
          connection.reading = true
          this.#requestCycle()
        }
        if (!data.length) return 0
        if (connection.unacked >= WINDOW) {
          connection.full = true
          return 0
        }
        put(connection, data)
        return data.length
      },
      disconnect_socket: () => {
        const connection = this.#connections.get(conn)
        if (connection) connection.dead = true
      },
      eq: other => other.hash() === number,
      hash: () => number
    })
  }
}

function put(connection: PeerConnection, bytes: Uint8Array): void {
  connection.outbox.push(Buffer.from(bytes))
  connection.unacked += bytes.length
}
