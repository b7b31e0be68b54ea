import fc from 'fast-check'
import { apiDocument } from '../../../src/node/api/document/openrpc.js'
import type { JsonSchema } from '../../../src/node/api/document/openrpc.js'
import type { Method } from '../../../src/node/api/api.js'
import { VALID } from './valid-params.js'

type Value = Record<string, unknown>

/** Parameters with one fault, and the field that it is in. */
export interface BadParams {
  method: Method
  params: unknown
  field: string
}

const { methods } = apiDocument('')

/** Names that every object has without being given them, and others that no call knows. */
const STRANGE = fc.oneof(
  fc.constantFrom('toString', 'constructor', '__proto__', 'hasOwnProperty', 'id ', 'Market', ''),
  fc.string({ maxLength: 12 })
)

/** A value that a schema does not allow. */
function wrong(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constantFrom<unknown>(!schema.const, null, 'other')
  if (schema.enum) return fc.constantFrom<unknown>('other', '', 7, null, [schema.enum[0]])
  if (schema.anyOf)
    return fc.oneof(...schema.anyOf.map(wrong)).filter(value => schema.anyOf!.every(one => !fits(one, value)))
  const types: unknown[] = [true, 7, 'text', [], {}, null, ['text'], { a: 1 }]
  const type = fc.constantFrom(...types).filter(value => !fits({ ...schema, pattern: '' }, value))
  const { minimum = 0, maximum = 0, maxLength = 0, maxItems = 0 } = schema
  if (schema.type === 'integer')
    return fc.oneof(
      type,
      fc.constantFrom(minimum - 1, maximum + 1, minimum + 0.5, 1e300, -1e300, Number.MAX_VALUE)
    )
  if (schema.type === 'number') return fc.oneof(type, fc.constantFrom(minimum - 1, maximum + 1, 1e300))
  if (schema.type === 'string') {
    const long = fc.constantFrom('x'.repeat(maxLength + 1), '1'.repeat(maxLength + 1), '/'.repeat(70_000))
    const odd = fc.constantFrom('\u0000', '-1', '1e3', '0x10', ' 1', '١', '../up', 'y'.repeat(51), '{}')
    if (schema.pattern)
      return fc.oneof(
        type,
        long,
        odd.filter(text => !new RegExp(schema.pattern!, 'u').test(text))
      )
    return fc.oneof(type, long)
  }
  if (schema.type === 'array')
    return fc.oneof(
      type,
      fc.constant(Array(maxItems + 1).fill('a')),
      wrong(schema.items!).map(one => [one])
    )
  return type
}

function fits({ type, const: word, enum: words }: JsonSchema, value: unknown): boolean {
  if (word !== undefined || words) return value === word || words?.includes(value) === true
  if (type === 'integer') return Number.isSafeInteger(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'null') return value === null
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}

interface Field {
  path: string[]
  schema: JsonSchema
  required: boolean
}

/** The fields of a call and, of those that are objects, what is inside. */
function fieldsOf(path: string[], { properties = {}, required = [] }: JsonSchema): Field[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const field = { path: [...path, name], schema, required: required.includes(name) }
    const inside = [schema, ...(schema.anyOf ?? [])].filter(one => one.properties)
    return [field, ...inside.flatMap(one => fieldsOf(field.path, one))]
  })
}

function changed(params: unknown, path: string[], change: (owner: Value, name: string) => void): unknown {
  const copy = structuredClone(params) as Value
  let owner = copy
  for (const name of path.slice(0, -1)) owner = owner[name] as Value
  change(owner, path.at(-1)!)
  return copy
}

/** Adds a field of its own, whatever the name means elsewhere. */
function add(owner: Value, name: string, value: unknown): void {
  Object.defineProperty(owner, name, { value, enumerable: true, configurable: true, writable: true })
}

const callOf = fc.constantFrom(...methods)

/** Any call with one fault in its parameters: a wrong type, out of range, huge, missing or unknown. */
export const badParams: fc.Arbitrary<BadParams> = callOf.chain(({ name, params }) => {
  const method = name as Method
  const valid = VALID[method]
  const schema = {
    properties: Object.fromEntries(params.map(param => [param.name, param.schema])),
    required: params.filter(({ required }) => required).map(param => param.name)
  }
  const fields = fieldsOf([], schema)
  const owners = [[], ...fields.filter(({ schema }) => schema.properties).map(({ path }) => path)]
  const extra = fc
    .tuple(fc.constantFrom(...owners), STRANGE, fc.jsonValue())
    .map(([owner, strange, value]) => ({
      method,
      params: changed(valid, [...owner, strange], (at, name) => add(at, name, value)),
      field: [...owner, strange].join('.')
    }))
  const known = (bad: BadParams): boolean => !fields.some(({ path }) => path.join('.') === bad.field)
  const unknown = extra.filter(known)
  if (fields.length === 0) return unknown
  const faulty = fc.constantFrom(...fields).chain(({ path, schema }) =>
    wrong(schema).map(value => ({
      method,
      params: changed(valid, path, (owner, name) => (owner[name] = value)),
      field: path.join('.')
    }))
  )
  const needed = fields.filter(({ required }) => required)
  if (needed.length === 0) return fc.oneof(faulty, unknown)
  const missing = fc.constantFrom(...needed).map(({ path }) => ({
    method,
    params: changed(valid, path, (owner, name) => Reflect.deleteProperty(owner, name)),
    field: path.join('.')
  }))
  return fc.oneof(faulty, unknown, missing)
})
