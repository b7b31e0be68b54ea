// Written by hand: what index.js encodes with. Array counts are hostile: compact-encoding makes room for as many as are
// claimed, up to 2^20, before it has seen one of them.
import { c as encodings } from 'hyperschema/runtime'

function array(encoding, most = Infinity) {
  const list = encodings.array(encoding)
  return {
    ...list,
    decode(state) {
      const { start } = state
      const count = encodings.uint.decode(state)
      if (count > most) throw new Error(`${count} of what may be ${most}`)
      // Whatever it is, each takes a byte at least.
      if (count > state.end - state.start) throw new Error('Out of bounds')
      state.start = start
      return list.decode(state)
    }
  }
}

export const c = { ...encodings, array }
