/** The global of the name in the lower-level API (`lib` has no types of it). */
interface Engine {
  validate(bytes: Uint8Array): boolean
}

/** What an engine says of the bytes. */
export function isValid(bytes: Uint8Array): boolean {
  return (globalThis as unknown as { WebAssembly: Engine }).WebAssembly.validate(bytes)
}
