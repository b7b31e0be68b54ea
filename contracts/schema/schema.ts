/**
 * Every record and message of Bushel, declared once. `npm run spec` generates the codecs and their types in spec/.
 * The schema only grows: an optional field may be added at the end of a struct; no field is changed or removed.
 *
 * Units: `...Msat` is msat; `price` is msat per TiB and 30 days for storage, msat per Tfuel for compute; times are ms
 * since 1970, durations ms, sizes bytes. Keys, hashes and ids are 32 bytes, signatures 64 bytes.
 */
import { book } from './book.js'
import { compute } from './compute.js'
import { deal } from './deal.js'
import { disk } from './disk.js'
import type { Struct } from './fields.js'

export type { Field, Struct } from './fields.js'

/** All structs, each after those it refers to, because hyperschema reads them in order. */
export const structs: Struct[] = hoist([...book, ...deal, ...disk, ...compute])

/** Sorts structs so that each comes after those it refers to. */
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
