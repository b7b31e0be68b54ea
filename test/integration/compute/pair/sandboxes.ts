import { Sandbox } from '../../../../src/compute/sandbox/sandbox.js'
import type { SandboxOptions } from '../../../../src/compute/sandbox/sandbox.js'

/** What a worker opens its sandboxes with: guests of normal priority. */
export function sandboxes(options: SandboxOptions): () => Sandbox {
  return () => new Sandbox({ nice: 0, ...options })
}
