import { readFile, stat } from 'node:fs/promises'
import type { KeyPair } from 'hypercore-crypto'
import IdentityKey from 'keet-identity-key'
import type { MirrorExport } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { authorOf } from '../../../contracts/keys/attestation.js'
import { decode, domain, encode } from '../../../contracts/schema/codec.js'
import { replaceDurably } from '../../base/disk/atomic-file.js'
import { sealFor, unseal } from '../../identity/sealed.js'

/** How the file begins, before its version. */
const MAGIC = Buffer.from('bushel mirror\0')
const VERSION = 1
const KEY_BYTES = 32
/** A mirror that was kept for many years at many providers has some MiB. */
const MOST_BYTES = 256 << 20

/** The file of a mirror: magic, version, identity, and the content, attested by its device and sealed for the words. */
export function packExport(content: MirrorExport, device: KeyPair, proof: Buffer): Buffer {
  const bytes = encode('mirror-export', content)
  const attested = Buffer.from(IdentityKey.attestData(statementOf(bytes), device, proof))
  const plain = encode('attested-export', { content: bytes, proof: attested })
  return Buffer.concat([MAGIC, Buffer.of(VERSION), content.identity, sealFor(content.identity, plain)])
}

/** Opens the file of a mirror with the key of the words. Throws BAD_EXPORT, and BAD_WORDS for those of another identity. */
export function unpackExport(file: Buffer, key: IdentityKey): MirrorExport {
  const { identity, box } = outerOf(file)
  if (!identity.equals(key.identityPublicKey))
    throw new BushelError(
      'BAD_WORDS',
      'the words are of another identity than the file; nothing was changed',
      'give the words of the identity whose device has exported the mirror'
    )
  const plain = unseal(key, box)
  if (!plain) throw badExport('it is damaged')
  try {
    const { content, proof } = decode('attested-export', plain, MOST_BYTES)
    // Whoever knows an identity can seal for it: before it is read it is known who wrote it.
    const author = authorOf(proof, statementOf(content!))
    if (!author?.identity.equals(identity)) throw badExport('no device of the identity has signed it')
    const exported = decode('mirror-export', content, MOST_BYTES)
    if (!exported.identity.equals(identity) || !exported.device.equals(author.device))
      throw badExport('it names another device than the one that has signed it')
    return exported
  } catch (error) {
    if (error instanceof BushelError && error.code === 'MALFORMED')
      throw badExport('it is damaged').withCause(error)
    throw error
  }
}

/** Reads a file that is to be opened. Throws BAD_PATH and BAD_EXPORT. */
export async function readExport(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path)
    if (size > MOST_BYTES) throw badExport('it is too large')
    return await readFile(path)
  } catch (error) {
    if (error instanceof BushelError) throw error
    throw badPath(path, 'read', error)
  }
}

/** Throws FILE_EXISTS where a file is, unless it is to be replaced. */
export async function demandFree(path: string, force: boolean): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false
  )
  if (isThere && !force)
    throw new BushelError(
      'FILE_EXISTS',
      `${path} is there already; nothing was written`,
      'give another name, or replace it with --force'
    )
}

/** Writes a file that its owner alone can read, in one step. Throws BAD_PATH. */
export async function writeExport(path: string, file: Buffer): Promise<void> {
  try {
    await replaceDurably(path, file)
  } catch (error) {
    throw badPath(path, 'written', error)
  }
}

function outerOf(file: Buffer): { identity: Buffer; box: Buffer } {
  const begin = MAGIC.byteLength + 1
  if (!file.subarray(0, MAGIC.byteLength).equals(MAGIC)) throw badExport('it is another kind of file')
  const version = file[MAGIC.byteLength]
  if (version === undefined || file.byteLength < begin + KEY_BYTES) throw badExport('it is cut off')
  if (version !== VERSION)
    throw badExport(`it has version ${version}, and this program reads version ${VERSION}`)
  return { identity: file.subarray(begin, begin + KEY_BYTES), box: file.subarray(begin + KEY_BYTES) }
}

/** What a device signs: no signature over anything else passes for it. */
function statementOf(content: Buffer): Buffer {
  return Buffer.concat([domain('mirror-export'), content])
}

function badExport(why: string): BushelError {
  return new BushelError(
    'BAD_EXPORT',
    `the file is no export of a mirror that can be read: ${why}; nothing was changed`,
    'export the mirror again: bushel mirrors export NAME FILE'
  )
}

function badPath(path: string, what: string, error: unknown): BushelError {
  const { code, message } = error as NodeJS.ErrnoException
  const why = code === 'ENOENT' ? 'it does not exist' : code === 'EACCES' ? 'it is not allowed' : message
  return new BushelError('BAD_PATH', `${path} cannot be ${what}: ${why}`, 'give another path').withCause(
    error
  )
}
