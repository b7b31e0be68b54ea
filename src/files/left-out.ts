/** An entry of a tree that is not packed or not restored. */
export interface LeftOut {
  path: string
  /** A noun phrase, which follows a number. */
  why: string
}

const NAMES_SHOWN = 20
const NAME_SHOWN = 120

/** One line for each reason, with names. */
export function leftOutNotes(list: readonly LeftOut[]): string[] {
  const byReason = new Map<string, string[]>()
  for (const { path, why } of list) {
    const names = byReason.get(why) ?? []
    byReason.set(why, names)
    names.push(path.length > NAME_SHOWN ? `${path.slice(0, NAME_SHOWN)}…` : path)
  }
  return [...byReason].map(([why, names]) => {
    const rest = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : ''
    return `left out ${names.length} ${why}: ${names.slice(0, NAMES_SHOWN).join(', ')}${rest}`
  })
}
