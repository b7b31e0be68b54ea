export interface Field {
  name: string
  type: string
  required?: boolean
  array?: boolean
  /** The largest length of an array; a longer one is malformed. */
  most?: number
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
