// Written by hand: what index.js encodes with. Array counts are hostile: compact-encoding makes room for as many as are
// claimed, up to 2^20, before it has seen one of them.
import { c as encodings } from 'hyperschema/runtime'

function array(encoding) {
  const list = encodings.array(encoding)
  return {
    ...list,
    decode(state) {
      const { start } = state
      // Whatever it is, each takes a byte at least.
      if (encodings.uint.decode(state) > state.end - state.start) throw new Error('Out of bounds')
      state.start = start
      return list.decode(state)
    }
  }
}

export const c = { ...encodings, array }
