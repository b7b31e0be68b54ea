import { EVENTS } from '../definition/events.js'
import { apiDocument } from './openrpc.js'
import type { ApiMethod, JsonSchema } from './openrpc.js'

const NEEDS: Record<ApiMethod['x-needs'], string> = {
  up: 'needs `bushel up`',
  node: 'needs a node; a command opens one where none runs',
  home: 'is answered from the disk where no node runs',
  nothing: 'needs neither home nor node'
}

const PREFACE = `# The calls of a node

Generated from the declarations in \`src/node/api/\`; \`bushel api\` prints the same as an OpenRPC document, and \`bushel api METHOD\` one call. Commands, scripts and libraries make the same calls, and parameters are checked in the same way: a wrong, missing or unknown one is refused with \`BAD_INPUT\`, and the message names it.

## The socket

A node that \`bushel up\` runs listens on \`control.sock\` in its home, a Unix socket that only its owner can open. It speaks JSON-RPC 2.0, one message a line of at most 1 MiB; parameters are given by name, an id is a whole number or text of at most 64 characters. Up to 64 requests of a connection run at a time. Batches are refused.

\`\`\`
--> {"jsonrpc":"2.0","id":1,"method":"mirror","params":{"path":"/home/ann/photos","copies":2,"time":2592000000}}
<-- {"jsonrpc":"2.0","method":"progress","params":{"event":"progress","step":"pack","done":4096,"total":8192,"unit":"bytes","id":1}}
<-- {"jsonrpc":"2.0","id":1,"result":{"link":"bushel://...","copies":2,...}}
\`\`\`

The notification \`{"jsonrpc":"2.0","method":"cancel","params":{"id":1}}\` aborts a request; sent as a request, it is answered with \`{"cancelled":true}\` when that request ran. The end of the connection aborts all its requests. A caller that does not read gets no more progress, and its next requests wait until it has read.

| error code | when |
| --- | --- |
| -32700 | the line is not JSON; the connection ends |
| -32600 | it is no request; the connection ends, unless the request has an id |
| -32601 | there is no such method |
| -32602 | a parameter is wrong, missing or unknown |
| -32000 | the node could not do it |

Every error has \`data\`: \`code\` and \`kind\` as in [exit codes](exit-codes.md), \`exit\`, the exit code that a command would have, and \`hint\`, what to do next.

## Units

Amounts are msat and prices msat per unit, both as strings of digits. Points in time are ms since 1970, lengths of time ms, sizes bytes, all as numbers. Keys and ids are z32 (hex is taken too), hashes hex. Paths are absolute, on the machine of the node. A parameter without \`yes\` may be left out.`

/** The text of docs/api.md. */
export function apiPage(): string {
  const { methods, 'x-events': events } = apiDocument('')
  const told = Object.keys(EVENTS).flatMap(name => [`### ${name}`, fieldTable(events[name]!, false)])
  return [
    PREFACE,
    '## Calls',
    ...methods.flatMap(methodPage),
    '## Events',
    'What a call tells before its result, as the parameters of the notification `progress`.',
    ...told,
    ''
  ].join('\n\n')
}

/** One call, as the page has it. */
export function methodPage(method: ApiMethod): string[] {
  const { name, summary, params, result } = method
  const schema: JsonSchema = {
    properties: Object.fromEntries(
      params.map(({ name, description, schema }) => [name, { ...schema, description }])
    ),
    required: params.filter(({ required }) => required).map(param => param.name)
  }
  const events = method['x-events']
  return [
    `### ${name}`,
    `${capital(summary)}. It ${method['x-changes'] ? 'changes something' : 'changes nothing'}, and ${NEEDS[method['x-needs']]}.` +
      (method['x-dry-run'] ? ' It has a dry run.' : '') +
      (events.length > 0 ? ` Events: ${events.map(event => `\`${event}\``).join(', ')}.` : ''),
    params.length === 0 ? 'No parameters.' : fieldTable(schema, true),
    'Result:',
    fieldTable(result.schema, false)
  ]
}

interface Row {
  name: string
  type: string
  needed: boolean
  about: string
}

function fieldTable(schema: JsonSchema, params: boolean): string {
  const rows = rowsOf(schema, '')
  const head = params
    ? '| parameter | type | needed | what |\n| --- | --- | --- | --- |'
    : '| field | type | what |\n| --- | --- | --- |'
  const lines = rows.map(({ name, type, needed, about }) =>
    [`\`${name}\``, type, ...(params ? [needed ? 'yes' : ''] : []), about].map(escaped).join(' | ')
  )
  return [head, ...lines.map(line => `| ${line} |`)].join('\n')
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|')
}

/** The fields of an object and of what it contains, such as `limits.wallMs` or `leases[].id`. */
function rowsOf({ properties = {}, required = [] }: JsonSchema, prefix: string): Row[] {
  return Object.entries(properties).flatMap(([field, schema]) => {
    const name = prefix + field
    const row = {
      name,
      type: typeOf(schema),
      needed: required.includes(field),
      about: schema.description ?? ''
    }
    return [row, ...insideOf(schema, name)]
  })
}

function insideOf(schema: JsonSchema, name: string): Row[] {
  if (schema.properties) return rowsOf(schema, `${name}.`)
  if (schema.items) return insideOf(schema.items, `${name}[]`)
  const rows = (schema.anyOf ?? []).flatMap(one => insideOf(one, name))
  return rows.filter((row, i) => rows.findIndex(({ name }) => name === row.name) === i)
}

function typeOf(schema: JsonSchema): string {
  const { type, enum: words, const: word, anyOf, items, minimum, maximum, maxLength, maxItems } = schema
  if (word !== undefined) return `\`${JSON.stringify(word)}\``
  if (words) return words.map(one => `\`${JSON.stringify(one)}\``).join(' or ')
  if (anyOf) return [...new Set(anyOf.map(typeOf))].join(' or ')
  if (items) return `list of ${typeOf(items)}${maxItems === undefined ? '' : `, at most ${maxItems}`}`
  if (type === 'integer' || type === 'number') {
    const bounds = maximum === Number.MAX_SAFE_INTEGER ? '' : ` from ${minimum} to ${maximum}`
    return minimum === undefined ? type : type + (bounds || ` from ${minimum}`)
  }
  if (type === 'string' && maxLength !== undefined) return `string of at most ${maxLength}`
  return type ?? 'any'
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
