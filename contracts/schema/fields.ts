export interface Field {
  name: string
  type: string
  required?: boolean
  array?: boolean
  /** The largest length of an array; a longer one is malformed. */
  most?: number
  /** The machine whose state this string is; its TypeScript type is opaque then. */
  machine?: string
}

export interface Struct {
  name: string
  fields: Field[]
}

export const required = (name: string, type: string): Field => ({ name, type, required: true })
export const optional = (name: string, type: string): Field => ({ name, type })
/** An array that peers send, of at most `most` elements. */
export const many = (name: string, type: string, most: number): Field => ({
  name,
  type,
  required: true,
  array: true,
  most
})
/** An array of any length, for records that no peer sends. */
export const all = (name: string, type: string): Field => ({ name, type, required: true, array: true })

/** The state of a record that moves by the table of a machine (`defineStates`). */
export const stateOf = (machine: string, name = 'state'): Field => ({
  name,
  type: 'string',
  required: true,
  machine
})

/** A struct in the field `field` with its signature, as `signed-STRUCT` or under another name. */
export function signed(field: string, struct: string, name = `signed-${struct}`): Struct {
  return { name, fields: [required(field, `@bushel/${struct}`), required('signature', 'fixed64')] }
}

/** How the terms of a lease and of a job begin. */
export const parties: Field[] = [
  required('version', 'uint'),
  required('nonce', 'fixed32'),
  required('market', 'fixed32'),
  required('ask', 'fixed32'),
  required('network', 'string'),
  required('buyer', '@bushel/party'),
  required('provider', '@bushel/party')
]
