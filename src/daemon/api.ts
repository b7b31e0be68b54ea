import { BushelError } from '../../contracts/errors/error.js'
import { version } from '../base/version.js'

/** The OpenRPC document of the calls of a node, or of one of them, and the same in words. Throws UNKNOWN_METHOD. */
export async function readApi(method?: string): Promise<{ document: object; words: string }> {
  const [{ apiDocument }, { apiPage, methodPage }] = await Promise.all([
    import('../node/api/document/openrpc.js'),
    import('../node/api/document/page.js')
  ])
  const whole = apiDocument(version())
  if (method === undefined) return { document: whole, words: apiPage() }
  const found = whole.methods.find(({ name }) => name === method)
  if (found) return { document: found, words: methodPage(found).join('\n\n') }
  throw new BushelError('UNKNOWN_METHOD', `there is no call '${method}'`, 'list them with: bushel api')
}
