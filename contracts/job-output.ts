import { createDecipheriv, createHash } from 'node:crypto'
import type { JobFile, JobOutput, JobResult } from '#spec'
import { sumOfFiles } from './evidence/checksum.js'
import { decode } from './schema/codec.js'
import { MAX_BLOB_BYTES } from './job.js'

const CIPHER = 'chacha20-poly1305'
/** A key encrypts one output, once. */
const NONCE = Buffer.alloc(12)
const TAG_BYTES = 16

/** What the key opens of an output as it travels (its tag stands last), or null when it opens nothing, or no output. */
export function openOutput(ciphertext: Buffer, key: Buffer, maxBytes = MAX_BLOB_BYTES): JobOutput | null {
  if (ciphertext.byteLength < TAG_BYTES || ciphertext.byteLength > maxBytes) return null
  const decipher = createDecipheriv(CIPHER, key, NONCE, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES))
  try {
    const body = decipher.update(ciphertext.subarray(0, -TAG_BYTES))
    return decode('job-output', Buffer.concat([body, decipher.final()]), maxBytes)
  } catch {
    return null // a key that is not the one, or a text that is none: there is no output in it
  }
}

/** The checksums of an output, as a result states them: of the tree of its files, and of standard output. */
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
