declare module 'fs-native-extensions' {
  const fsx: {
    /** An exclusive lock on the file, held until the descriptor is closed; false when another one has it. */
    tryLock(fd: number): boolean
  }
  export default fsx
}
