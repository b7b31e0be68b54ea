import { randomBytes } from 'node:crypto'
import type { NoiseStream } from 'hyperdht'
import { encode } from '../../../contracts/schema/codec.js'
import { StrictRpc } from '../../../src/book/peers/strict-rpc.js'

/** Replaces the bytes of an answer; `truth` gives what the product would send. */
export type WireFault = (truth: () => Promise<Buffer | null>, stream: NoiseStream) => Promise<Buffer | null>

/** The faulty answers of a device, by method. */
export type WireFaults = Readonly<Record<string, WireFault>>

const faults = new Map<string, WireFaults>()
const respond = Reflect.get(StrictRpc.prototype, 'respond') as StrictRpc['respond']
StrictRpc.prototype.respond = function (this: StrictRpc, method, handler) {
  return respond.call(this, method, async value => {
    const { stream } = this as unknown as { stream: NoiseStream }
    const fault = faults.get(stream.publicKey.toString('hex'))?.[method]
    return fault ? fault(async () => handler(value), stream) : handler(value)
  })
}

/** From now on a device of this process answers with these faults, below everything that the product checks when it sends. */
export function answerWithFaults(device: Buffer, answers: WireFaults): void {
  faults.set(device.toString('hex'), answers)
}

/** A decline whose word and reason are bytes for a terminal. */
const ODD = { code: '\u001b]0;', reason: '\u001b[2J\u0007\u202e\nerror: paid twice' }

/** The ways in which a step can fail on the wire, and what the buyer may say of it. */
export const WAYS: Readonly<Record<string, { fault: WireFault; says: RegExp }>> = {
  'closes the connection': {
    fault: async (_truth, stream) => {
      stream.destroy()
      return new Promise(() => undefined)
    },
    says: /went away|has stalled|no answer to|no longer answers|could not be reached|cannot be reached|no connection/
  },
  'answers with garbage': { fault: async () => randomBytes(200), says: /malformed/ },
  'answers with nothing': { fault: async () => null, says: /malformed/ },
  'cuts its answer short': {
    fault: async truth => ((await truth()) ?? Buffer.alloc(2)).subarray(0, -1),
    says: /malformed/
  },
  'answers with another message': {
    fault: async () => encode('reply', { body: encode('acknowledgement', { ok: 1 }) }),
    says: /malformed|cannot be read/
  },
  'answers with ever more bytes': {
    fault: async () => Buffer.alloc(3 << 20, 1),
    says: /malformed|did not answer|went away|has stalled/
  },
  'declines with bytes for a terminal': {
    fault: async () => encode('reply', { decline: ODD }),
    says: /declined: +\[2J +error: paid twice/
  },
  'fails to answer': {
    fault: async () => {
      throw Object.assign(new Error('\u001b[2J my fault'), { code: 'NO_BALANCE' })
    },
    says: /went away|has stalled|no answer to|no longer answers/
  }
}
