import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { CALLS } from '../../../src/node/api/calls.js'
import { apiDocument } from '../../../src/node/api/document/openrpc.js'
import type { JsonSchema } from '../../../src/node/api/document/openrpc.js'
import { apiPage } from '../../../src/node/api/document/page.js'

const page = new URL('../../../../docs/api.md', import.meta.url)

test('docs/api.md lists the calls as they are declared', async () => {
  assert.equal(await readFile(page, 'utf8'), apiPage(), 'write it with: npm run docs')
})

test('the document has every call, and describes every field', () => {
  const { openrpc, methods, info } = apiDocument('1.2.3')
  assert.deepEqual([openrpc, info.version], ['1.3.2', '1.2.3'])
  assert.deepEqual(
    methods.map(({ name }) => name),
    Object.keys(CALLS)
  )
  const visit = (schema: JsonSchema, name: string, described: boolean): void => {
    if (described) assert.ok(schema.description, `${name} has no description`)
    for (const [field, inner] of Object.entries(schema.properties ?? {}))
      visit(inner, `${name}.${field}`, inner.const === undefined)
    if (schema.items) visit(schema.items, `${name}[]`, false)
    for (const one of schema.anyOf ?? []) visit(one, name, false)
  }
  for (const { name, params, result } of methods) {
    visit(result.schema, name, false)
    for (const param of params) {
      assert.ok(param.description, `${name}.${param.name} has no description`)
      visit(param.schema, `${name}.${param.name}`, false)
    }
  }
})

test('every text, list and number among the parameters has bounds', () => {
  const visit = (schema: JsonSchema, name: string): void => {
    if (schema.type === 'string' && !schema.enum) assert.ok(schema.maxLength !== undefined, name)
    if (schema.type === 'array') assert.ok(schema.maxItems !== undefined, name)
    if (schema.type === 'number' || schema.type === 'integer')
      assert.ok(schema.minimum !== undefined && schema.maximum !== undefined, name)
    if (schema.type === 'object') assert.ok(schema.additionalProperties !== undefined, name)
    for (const inner of [...Object.values(schema.properties ?? {}), ...(schema.anyOf ?? [])])
      visit(inner, name)
    if (schema.items) visit(schema.items, name)
  }
  for (const { name, params } of apiDocument('').methods)
    for (const param of params) visit(param.schema, `${name}.${param.name}`)
})

test('what only reads has no dry run, and what changes something has one or an estimate', () => {
  const without = Object.entries(CALLS).filter(([, call]) => call.changes && !call.dryRun)
  assert.deepEqual(
    without.map(([name]) => name),
    ['mirrors.check', 'run', 'run.map', 'run.local', 'run.map.local']
  )
  for (const [name, call] of Object.entries(CALLS)) assert.ok(call.changes || !call.dryRun, name)
})
