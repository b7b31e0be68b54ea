import { toJsonSchema } from '@valibot/to-json-schema'
import type * as v from 'valibot'
import { CALLS } from '../calls.js'
import type { Needs } from '../definition/call.js'
import { EVENTS } from '../definition/events.js'
import type { EventName } from '../definition/events.js'

/** As much of JSON Schema as the declarations use. */
export interface JsonSchema {
  type?: string
  description?: string
  properties?: Record<string, JsonSchema>
  required?: string[]
  items?: JsonSchema
  anyOf?: JsonSchema[]
  enum?: unknown[]
  const?: unknown
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  maxItems?: number
  pattern?: string
  additionalProperties?: boolean | JsonSchema
}

export interface ApiMethod {
  name: string
  summary: string
  paramStructure: 'by-name'
  params: { name: string; description: string; required: boolean; schema: JsonSchema }[]
  result: { name: 'result'; schema: JsonSchema }
  'x-changes': boolean
  'x-needs': Needs
  'x-dry-run': boolean
  /** Names of the events that it tells as progress. */
  'x-events': readonly EventName[]
}

export interface ApiDocument {
  openrpc: '1.3.2'
  info: { title: string; version: string; description: string }
  methods: ApiMethod[]
  /** The parameters of the notification `progress`, which has the id of its request as well, by the name of the event. */
  'x-events': Record<string, JsonSchema>
}

const ABOUT =
  'The calls of a Bushel node, over its control socket: JSON-RPC 2.0, one message a line, parameters by name. ' +
  'Amounts are msat and prices msat per unit, both as strings of digits; times are ms since 1970, durations ms, sizes bytes.'

/** The OpenRPC document of all calls. */
export function apiDocument(version: string): ApiDocument {
  const events = Object.entries(EVENTS).map(([name, schema]) => [name, jsonSchema(schema)] as const)
  return {
    openrpc: '1.3.2',
    info: { title: 'Bushel', version, description: ABOUT },
    methods: apiMethods(),
    'x-events': Object.fromEntries(events)
  }
}

function apiMethods(): ApiMethod[] {
  return Object.entries(CALLS).map(([name, call]) => {
    const { properties = {}, required = [] } = jsonSchema(call.params)
    return {
      name,
      summary: call.summary,
      paramStructure: 'by-name',
      params: Object.entries(properties).map(([param, { description = '', ...schema }]) => ({
        name: param,
        description,
        required: required.includes(param),
        schema
      })),
      result: { name: 'result', schema: jsonSchema(call.result) },
      'x-changes': call.changes,
      'x-needs': call.needs,
      'x-dry-run': call.dryRun,
      'x-events': call.events
    }
  })
}

/** A check in code has no counterpart: the description of the field says what it demands. */
function jsonSchema(schema: v.GenericSchema): JsonSchema {
  const { $schema: _dialect, ...rest } = toJsonSchema(schema, { ignoreActions: ['check'] })
  return rest as JsonSchema
}
