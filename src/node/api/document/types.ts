import { apiDocument } from './openrpc.js'
import type { JsonSchema } from './openrpc.js'

/** The types of all calls and events as TypeScript that imports nothing, with the descriptions as comments. */
export function callTypes(): string {
  const { methods, 'x-events': events } = apiDocument('')
  const calls = methods.map(({ name, summary, params, result }) => {
    const properties = params.map(
      ({ name, description, schema }) => [name, { ...schema, description }] as const
    )
    const required = params.filter(({ required }) => required).map(param => param.name)
    const given = { type: 'object', properties: Object.fromEntries(properties), required }
    return `  /** ${capital(summary)}. */\n  '${name}': {\n    params: ${typeOf(given, 4)}\n    result: ${typeOf(result.schema, 4)}\n  }`
  })
  const progress = Object.values(events).map(schema => `\n  | ${typeOf(schema, 4)}`)
  return `/** Parameters and result of each call. */
export interface Calls {
${calls.join('\n')}
}

/** What a call tells before its result. */
export type Progress =${progress.join('')}
`
}

function typeOf(schema: JsonSchema, indent: number): string {
  const { type, properties, required = [], items, anyOf, enum: words, const: word } = schema
  if (word !== undefined) return JSON.stringify(word)
  if (words) return words.map(one => JSON.stringify(one)).join(' | ')
  if (anyOf) return anyOf.map(one => typeOf(one, indent)).join(' | ')
  if (items) return `(${typeOf(items, indent)})[]`
  if (type === 'integer') return 'number'
  if (type !== 'object') return type ?? 'unknown'
  const fields = Object.entries(properties ?? {})
  if (fields.length === 0) return 'Record<never, never>'
  const space = ' '.repeat(indent + 2)
  const lines = fields.map(([name, field]) => {
    const about = field.description ? `${space}/** ${field.description} */\n` : ''
    return `${about}${space}${name}${required.includes(name) ? '' : '?'}: ${typeOf(field, indent + 2)}`
  })
  return `{\n${lines.join('\n')}\n${' '.repeat(indent)}}`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
