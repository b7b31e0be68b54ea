import { readSync, writeSync } from 'node:fs'
import { ANSWER_BYTES, HEAD_BYTES, KIND } from './frames.js'
import type { FrameKind } from './frames.js'

const INPUT = 0
const OUTPUT = 1

/** Most bytes written or read in one system call. */
const PORTION = 1 << 20

/** The host has closed the pipe, so this guest ends. */
export class HostGone extends Error {}

/** Waits until `length` bytes have come. */
export function receive(length: number): Buffer {
  const bytes = Buffer.from(new ArrayBuffer(length))
  for (let at = 0; at < length;) {
    const read = readSync(INPUT, bytes, at, Math.min(length - at, PORTION), null)
    if (read === 0) throw new HostGone()
    at += read
  }
  return bytes
}

export function send(kind: FrameKind, body: Uint8Array = new Uint8Array(0)): void {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt8(kind)
  head.writeUInt32LE(body.byteLength, 1)
  write(head)
  write(body)
}

function write(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength;) {
    at += writeSync(OUTPUT, bytes, at, Math.min(bytes.byteLength - at, PORTION))
  }
}

/** Asks the host for more fuel and waits for the answer: the grant, or null when it is refused. */
export function askForFuel(used: bigint, missing: bigint): bigint | null {
  const body = Buffer.alloc(16)
  body.writeBigUInt64LE(used)
  body.writeBigUInt64LE(missing, 8)
  send(KIND.refuel, body)
  const answer = receive(ANSWER_BYTES)
  return answer.readUInt8() === 0 ? null : answer.readBigUInt64LE(1)
}
