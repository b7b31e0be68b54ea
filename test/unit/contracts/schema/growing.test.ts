import assert from 'node:assert/strict'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import Hyperschema from 'hyperschema'
import { optional, required } from '../../../../contracts/schema/fields.js'
import type { Struct } from '../../../../contracts/schema/fields.js'
import { growing } from '../../../../contracts/schema/growing.js'
import { folder } from '../../../parts/folder.js'

interface State {
  start: number
  end: number
  buffer: Buffer
}

interface Codec {
  preencode(state: { start: number; end: number; buffer: null }, value: unknown): void
  encode(state: State, value: unknown): void
  decode(state: State): Record<string, unknown>
}

const ROOT = fileURLToPath(new URL('../../../../../', import.meta.url))

/** Generates the codecs of these structs over those that stand in the folder. */
async function generated(dir: string, structs: Struct[], name: string): Promise<Codec> {
  const schema = Hyperschema.from(dir)
  const namespace = schema.namespace('bushel')
  for (const struct of structs) namespace.register(struct)
  Hyperschema.toDisk(schema, dir, { esm: true })
  const text = growing(await readFile(join(dir, 'index.js'), 'utf8'), structs)
  const file = join(dir, `${name}.mjs`)
  const encodings = pathToFileURL(join(ROOT, 'contracts/spec/encodings.js')).href
  await writeFile(file, text.replace('hyperschema/runtime', encodings))
  const { getEncoding } = (await import(pathToFileURL(file).href)) as { getEncoding(name: string): Codec }
  return getEncoding('@bushel/outer')
}

function written(codec: Codec, value: unknown): Buffer {
  const size = { start: 0, end: 0, buffer: null }
  codec.preencode(size, value)
  const state = { start: 0, end: size.end, buffer: Buffer.alloc(size.end) }
  codec.encode(state, value)
  assert.equal(state.start, state.end)
  return state.buffer
}

function read(codec: Codec, bytes: Buffer): unknown {
  const state = { start: 0, end: bytes.byteLength, buffer: bytes }
  const value = codec.decode(state)
  assert.equal(state.start, state.end)
  return value
}

test('a struct that gets its first optional field keeps the bytes of values without it', async t => {
  const dir = join(await folder(t), 'spec')
  await mkdir(dir)
  await cp(join(ROOT, 'contracts/spec/encodings.js'), join(dir, 'encodings.js'))
  const outer = { name: 'outer', fields: [required('inner', '@bushel/inner'), required('after', 'uint')] }
  const inner = { name: 'inner', fields: [required('first', 'uint')] }
  const before = await generated(dir, [inner, outer], 'before')
  const value = { inner: { first: 7 }, after: 9 }
  const bytes = written(before, value)
  const grown = { ...inner, fields: [...inner.fields, optional('text', 'string'), optional('last', 'uint')] }
  const after = await generated(dir, [grown, outer], 'after')
  assert.deepEqual(written(after, value), bytes)
  assert.deepEqual(read(after, bytes), { inner: { first: 7, text: null, last: 0 }, after: 9 })
  const full = { inner: { first: 7, text: 'more', last: 5 }, after: 9 }
  assert.deepEqual(read(after, written(after, full)), full)
})
