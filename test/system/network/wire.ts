import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { answerOrders, optionsOf, tell } from '../../world/parent.js'
import { TAPS } from './shape.js'
import type { Shape } from './shape.js'

export interface WireOptions {
  /** The names of the two TAP devices, which this process makes. */
  taps: [string, string]
  shape: Shape
}

const FRAMES = fileURLToPath(new URL('./frames.js', import.meta.url))

/**
 * A link with a rate, a delay and loss, between two TAP devices: many kernels are built without netem. Node cannot make a
 * TAP device. socat can, and becomes the program that it is told to run, which then reads and writes the devices itself.
 */
const { taps, shape } = optionsOf<WireOptions>()
const [near, far] = taps.map(tap => `TUN,tun-type=tap,tun-name=${tap},iff-no-pi,iff-up,nonblock`)
const [ofNear, ofFar] = TAPS.map(fd => `nofork,fdin=${fd},fdout=${fd + 1}`)
const inner = `socat ${far} EXEC:"${process.execPath} ${FRAMES}",${ofFar}`.replaceAll(',', '\\,')
const link = spawn('socat', [near!, `EXEC:'${inner}',${ofNear}`], {
  stdio: ['ignore', 'inherit', 'inherit', 'ipc']
})
link.once('exit', () => process.exit(1)) // a link without an end is no link, and the test must see it
const set = (wanted: Shape): Promise<void> =>
  new Promise((resolve, reject) => {
    link.once('message', () => resolve())
    link.send(wanted, error => error && reject(error))
  })
await set(shape)
answerOrders(set)
tell({ ready: true })
