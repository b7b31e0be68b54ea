import type { BookResult } from '../../src/node/api/api.js'
import type { World } from './world.js'

const SELL = ['sell', 'compute', '--cores', '1', '--memory', '1GiB', '--allow-process']
/** The work of the program in the stories, in KiB that it hashes. */
export const WORK_KIB = '1024'

export type ComputeBook = BookResult<
  { baseMsat: string; cores: number; memory: number },
  { maxMsat: string; providers: number }
>

/** A new home that sells compute. */
export async function seller(world: World, name: string, market: string, price: string): Promise<void> {
  await world.join(name, market)
  await world.ok(name, [...SELL, '--price', price])
}

/** Reads the compute book until it is as wanted. */
export async function bookWhen(
  world: World,
  name: string,
  is: (book: ComputeBook) => boolean
): Promise<ComputeBook> {
  const watching = world.processes.start(['book', 'compute', '--watch'], { home: world.at(name) })
  try {
    const line = await watching.line(line => 'asks' in line && is(line as unknown as ComputeBook))
    return line as unknown as ComputeBook
  } finally {
    await watching.kill('SIGINT')
  }
}
