import { join } from 'node:path'
import { readHomeFile } from './config.js'

export const DEVICE_KEY = 'device.key'

/** The seed of a device's key pair, 32 bytes, as its file has it. */
export const DEVICE_KEY_TEXT = /^[0-9a-f]{64}$/

/** Whether a folder with children of these names is a home, whole or in part: one that holds the key of a device. */
export async function isHomeFolder(folder: string, names: readonly string[]): Promise<boolean> {
  if (!names.includes(DEVICE_KEY)) return false
  // A file that cannot be read may be a key.
  const text = await readHomeFile(join(folder, DEVICE_KEY)).catch(() => null)
  return text === null || DEVICE_KEY_TEXT.test(text.toString('latin1').trim())
}
