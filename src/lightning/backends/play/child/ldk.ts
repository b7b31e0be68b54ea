import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as ldk from '#ldk'
import { CommonBase } from '#ldk'
import * as bindings from 'lightningdevkit/bindings.mjs'

/** Kinds of wasm objects that LDK creates in large numbers; each has a raw destructor `<kind>_free`. */
type Freed =
  | 'Bolt11Invoice'
  | 'ChannelCounterparty'
  | 'ChannelDetails'
  | 'ChannelMonitor'
  | 'ChannelMonitorUpdate'
  | 'Event'
  | 'InboundHTLCDetails'
  | 'OutPoint'
  | 'OutboundHTLCDetails'
  | 'PeerDetails'
  | 'Record'

// The bindings export the destructors but do not declare them.
const destructors = bindings as unknown as Record<`${Freed}_free`, (pointer: bigint) => void>

class Pointers extends CommonBase {
  static take(object: CommonBase): bigint {
    const pointer = CommonBase.get_ptr_of(object)
    if (pointer) CommonBase.set_null_skip_free(object)
    return pointer
  }

  static present(object: CommonBase): boolean {
    return CommonBase.get_ptr_of(object) !== 0n
  }
}

/**
 * Frees a wasm object now. Otherwise only a major garbage collection frees it, and the collector does not see the wasm
 * memory; each payment clones its channel's monitor.
 */
export function free(object: CommonBase, kind: Freed): void {
  const pointer = Pointers.take(object)
  if (pointer) destructors[`${kind}_free`](pointer)
}

/**
 * Frees all wasm objects that are out of use. The collector sees a small heap, and would wait while the wasm memory, which
 * never shrinks, grows for them. Without `--expose-gc` it does nothing.
 */
export function freeUnused(): void {
  globalThis.gc?.()
}

/** Whether a value is present: LDK returns an absent value as an object with a null pointer. */
export function present<T extends CommonBase>(object: T | null): object is T {
  return object !== null && Pointers.present(object)
}

let lastPanic = ''

/** The text that LDK printed at its panic, in one line. */
export function panicText(): string {
  return lastPanic
}

/** Call once per process. The bindings print a banner and the text of a panic; both are kept off the terminal. */
export async function loadLdk(): Promise<void> {
  globalThis.console.log = (line: unknown) => {
    if (/panick|fallen behind/i.test(String(line)))
      lastPanic = String(line).replace(/\s+/g, ' ').slice(0, 500)
  }
  const file = fileURLToPath(import.meta.resolve('lightningdevkit/liblightningjs.wasm'))
  await ldk.initializeWasmFromBinary(readFileSync(file))
}

export function someU64(option: ldk.Option_u64Z): bigint | null {
  return option instanceof ldk.Option_u64Z_Some ? option.some : null
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** The message of an LDK error, or its name when it has no message. */
export function apiErrorText(error: ldk.APIError): string {
  if (error instanceof ldk.APIError_APIMisuseError) return error.err
  if (error instanceof ldk.APIError_ChannelUnavailable) return error.err
  return error.constructor.name.replace(/^APIError_/, '')
}
