import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as ldk from '#ldk'
import { CommonBase } from '#ldk'
import * as bindings from 'lightningdevkit/bindings.mjs'

/** Kinds of wasm objects that are handed to us in numbers, by the name of their raw destructor. */
type Freed =
  | 'Bolt11Invoice'
  | 'ChannelDetails'
  | 'ChannelMonitor'
  | 'ChannelMonitorUpdate'
  | 'Event'
  | 'InboundHTLCDetails'
  | 'OutPoint'
  | 'OutboundHTLCDetails'
  | 'PeerDetails'
  | 'Record'

// The destructors are exported by the bindings and missing in their declarations.
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
 * Frees a wasm object now. Left alone it is only freed at a major collection of the JavaScript heap, which knows
 * nothing of the wasm memory that is held; a channel's monitor is cloned at each payment.
 */
export function free(object: CommonBase, kind: Freed): void {
  const pointer = Pointers.take(object)
  if (pointer) destructors[`${kind}_free`](pointer)
}

/** LDK hands out an absent value as an object that points nowhere. */
export function present<T extends CommonBase>(object: T | null): object is T {
  return object !== null && Pointers.present(object)
}

let lastPanic = ''

/** What LDK printed before it panicked, in one line. */
export function panicText(): string {
  return lastPanic
}

/** Once in a process. The bindings print a banner, and the text of a panic: neither is to reach a terminal. */
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

/** What LDK says of an error, as far as it says anything. */
export function apiErrorText(error: ldk.APIError): string {
  if (error instanceof ldk.APIError_APIMisuseError) return error.err
  if (error instanceof ldk.APIError_ChannelUnavailable) return error.err
  return error.constructor.name.replace(/^APIError_/, '')
}
