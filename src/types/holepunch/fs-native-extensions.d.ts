declare module 'fs-native-extensions' {
  const fsx: {
    /** A lock on the file, held until the descriptor is closed; false when another one has it. A shared one needs no right to write. */
    tryLock(fd: number, options?: { shared?: boolean }): boolean
  }
  export default fsx
}
