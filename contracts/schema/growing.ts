import type { Struct } from './fields.js'

/** How hyperschema writes the byte with the flags of optional fields, one pattern for each of its three functions. */
const ROOM = /^ {4}state\.end\+\+ \/\/ max flag is \d+ so always one byte$/m
const FLAGS = /^ {4}const flags =\s+([^]+?)\n\n/m
const WRITE = 'c.uint.encode(state, flags)'
/** A field of a later version of the schema is read in the second way already. */
const READ =
  /const flags = (state\.start < state\.end \? c\.uint\.decode\(state\) : 0|c\.uint\.decode\(state\))/

/**
 * Leaves the byte of flags out where no flag is set and nothing follows it. So a struct that gets its first optional field
 * writes a value without it as before: its bytes are signed, and their hash is the id of an agreement. Takes and gives the
 * text of the codecs; throws when hyperschema writes them in another way.
 */
export function growing(codecs: string, structs: readonly Struct[]): string {
  return structs.filter(endsOptional).reduce((text, { name }) => {
    const head = `// @bushel/${name}\nconst encoding`
    const start = text.indexOf(head)
    const end = text.indexOf('\n}\n', start)
    if (start < 0 || end < 0) throw new Error(`there is no codec of ${name}`)
    return text.slice(0, start) + changed(text.slice(start, end), name) + text.slice(end)
  }, codecs)
}

function changed(codec: string, name: string): string {
  const flags = FLAGS.exec(codec)?.[1]
  if (flags === undefined || !ROOM.test(codec) || !codec.includes(WRITE) || !READ.test(codec))
    throw new Error(`the codec of ${name} is written in another way`)
  return codec
    .replace(ROOM, `    if (${flags.replace(/\s+/g, ' ')}) state.end++`)
    .replace(WRITE, `if (flags !== 0) ${WRITE}`)
    .replace(READ, 'const flags = state.start < state.end ? c.uint.decode(state) : 0')
}

/** True when the optional fields of a struct come last. A bool is a flag too. */
export function endsOptional({ fields }: Struct): boolean {
  const isFlag = ({ required, type }: Struct['fields'][number]): boolean => !required || type === 'bool'
  const first = fields.findIndex(isFlag)
  return first >= 0 && fields.slice(first).every(isFlag)
}
