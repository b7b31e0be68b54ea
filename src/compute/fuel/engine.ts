/** The global `WebAssembly`, for which `lib` has no types here. */
interface Engine {
  validate(bytes: Uint8Array): boolean
}

/** Whether the engine accepts the bytes as a valid module. */
export function isValid(bytes: Uint8Array): boolean {
  return (globalThis as unknown as { WebAssembly: Engine }).WebAssembly.validate(bytes)
}
