import type { Bench, Figure, Settings } from '../figure.js'
import { connections } from './connections.js'
import { fakeAsks } from './fake-asks.js'

const PARTS: ((settings: Settings) => Promise<Figure[]>)[] = [connections, fakeAsks]

export const strangersBench: Bench = {
  name: 'strangers',
  about: 'memory, files and help for the honest beside 1,000 hostile connections and 5,000 fake asks',
  async run(settings) {
    const figures: Figure[] = []
    for (const part of PARTS) figures.push(...(await part(settings)))
    return figures
  }
}
