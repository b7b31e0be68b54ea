declare module 'hypercore-storage/lib/keys.js' {
  /** Where a core's records lie in the key space of its store, by its pointers. */
  export const core: {
    core(pointer: number): Buffer
    data(pointer: number): Buffer
  }
}
