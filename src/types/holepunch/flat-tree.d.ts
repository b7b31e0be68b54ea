declare module 'flat-tree' {
  export interface Iterator {
    index: number
    parent(): number
    sibling(): number
  }
  const flat: {
    iterator(index: number): Iterator
    /** Indices of the roots of a tree whose leaves end before `2 * length`. */
    fullRoots(index: number): number[]
    children(index: number): [number, number]
  }
  export default flat
}
