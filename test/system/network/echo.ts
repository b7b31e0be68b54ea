import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { answerOrders, tell } from '../../world/parent.js'

/** Asks who is at this address from what address it sees the question come. */
export interface Question {
  host: string
}

/** The port of every echo. A router that keeps ports shows it outside. */
export const ECHO_PORT = 40_000
const TRIES = 3
const ANSWER_MS = 300

// One UDP socket that answers the question where it came from, and asks it.
const socket = createSocket('udp4')
socket.bind(ECHO_PORT)
await once(socket, 'listening')
socket.on('message', (text, { address, port }) => {
  if (text.toString() === 'who?') socket.send(`${address}:${port}`, port, address)
})
socket.on('error', () => undefined) // a refusal by a router is no answer

answerOrders<Question>(async ({ host }) => {
  for (let i = 0; i < TRIES; i++) {
    const answer = heard(host)
    // Without a route it fails at once, and is no answer.
    await new Promise(resolve => socket.send('who?', ECHO_PORT, host, resolve))
    const seen = await answer
    if (seen !== null) return seen
  }
  return null
})
tell({ ready: true })

/** The next answer of this host; null when it does not come. */
async function heard(host: string): Promise<string | null> {
  const late = AbortSignal.timeout(ANSWER_MS)
  try {
    for (;;) {
      const [text, from] = (await once(socket, 'message', { signal: late })) as [Buffer, { address: string }]
      if (from.address === host && text.toString() !== 'who?') return text.toString()
    }
  } catch (error) {
    if (late.aborted) return null
    throw error
  }
}
