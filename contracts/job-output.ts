import { createDecipheriv, createHash } from 'node:crypto'
import type { JobFile, JobOutput, JobResult } from '#spec'
import { sumOfFiles } from './evidence/checksum.js'
import { decode } from './schema/codec.js'
import { MAX_BLOB_BYTES } from './job.js'

const CIPHER = 'chacha20-poly1305'
/** Constant, because each key encrypts one output and nothing else. */
const NONCE = Buffer.alloc(12)
const TAG_BYTES = 16

/**
 * Decrypts an output; its authentication tag is at the end of the ciphertext. Null when the key is wrong or the plaintext
 * is not a canonical `job-output` of at most `maxBytes`.
 */
export function openOutput(ciphertext: Buffer, key: Buffer, maxBytes = MAX_BLOB_BYTES): JobOutput | null {
  if (ciphertext.byteLength < TAG_BYTES || ciphertext.byteLength > maxBytes) return null
  const decipher = createDecipheriv(CIPHER, key, NONCE, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES))
  try {
    const body = decipher.update(ciphertext.subarray(0, -TAG_BYTES))
    return decode('job-output', Buffer.concat([body, decipher.final()]), maxBytes)
  } catch {
    return null // a wrong key, or a malformed plaintext
  }
}

/** The SHA-256 checksums that a result states of an output: of the tree of its files, and of standard output. */
export function sumsOfOutput({ stdout, files }: JobOutput): Pick<JobResult, 'tree' | 'stdout'> {
  return { tree: treeOf(files), stdout: sha256(stdout ?? Buffer.alloc(0)) }
}

function treeOf(files: readonly JobFile[]): Buffer {
  const sums = files.map(({ path, bytes }) => ({
    path,
    size: bytes?.byteLength ?? 0,
    sha256: sha256(bytes ?? Buffer.alloc(0)).toString('hex')
  }))
  return Buffer.from(sumOfFiles(sums).sha256, 'hex')
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}
