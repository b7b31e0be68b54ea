import { missingWire } from '../../test/system/network/missing.js'
import type { Bench } from '../figure.js'
import { whatIsCarried } from './carried.js'
import { firstByte } from './first-byte.js'
import { fourSellers } from './four-sellers.js'
import { longWay } from './long-way.js'

/** Mirrors and restores over links with a rate and a delay, in network namespaces. */
export const linksBench: Bench = {
  name: 'links',
  about: 'mirror and restore over links with a rate and a delay, against a bare Hypercore over the same link',
  async run(settings) {
    const why = missingWire()
    if (why) {
      settings.say(`skipped: ${why}`)
      return []
    }
    const carried = await whatIsCarried(settings)
    return [
      ...(await longWay(settings, carried)),
      ...(await firstByte(settings)),
      ...(await fourSellers(settings, carried))
    ]
  }
}
