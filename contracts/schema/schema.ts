/**
 * Every record and message of Bushel, declared once. `npm run spec` writes the codecs and their types under spec/.
 * Append only: a field may be added at the end of a struct as optional, never changed or removed.
 *
 * Units: every `...Msat` and `price` is a biguint64 (price: msat per TiB and 30 days; of compute: msat per Tfuel); times are ms since 1970,
 * durations ms, sizes bytes. Keys, hashes and ids are 32 bytes, signatures 64.
 */
import { book } from './book.js'
import { compute } from './compute.js'
import { deal } from './deal.js'
import { disk } from './disk.js'
import type { Struct } from './fields.js'

export type { Field, Struct } from './fields.js'

/** In the order in which they refer to one another. */
export const structs: Struct[] = hoist([...book, ...deal, ...disk, ...compute])

/** A struct stands after those that it names: hyperschema reads them in order. */
function hoist(list: Struct[]): Struct[] {
  const named = new Map(list.map(struct => [`@bushel/${struct.name}`, struct]))
  const done = new Set<Struct>()
  const visit = (struct: Struct): void => {
    if (done.has(struct)) return
    for (const field of struct.fields) {
      const inner = named.get(field.type)
      if (inner) visit(inner)
    }
    done.add(struct)
  }
  list.forEach(visit)
  return [...done]
}
