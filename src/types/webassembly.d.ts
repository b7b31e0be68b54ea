// What of WebAssembly is used here; the types that TypeScript has of it come with a browser's.
declare namespace WebAssembly {
  type Module = object
  const Module: {
    new (bytes: Uint8Array): Module
    imports(module: Module): { module: string; name: string; kind: string }[]
  }
  class Instance {
    constructor(module: Module, imports: Record<string, unknown>)
    readonly exports: Readonly<Record<string, unknown>>
  }
  class Memory {
    readonly buffer: ArrayBuffer
  }
  interface Global<T extends bigint | number> {
    value: T
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
}
