export interface Field {
  name: string
  type: string
  required?: boolean
  array?: boolean
  /** Of an array: a longer one is malformed, before anything of it is read. */
  most?: number
}

export interface Struct {
  name: string
  fields: Field[]
}

export const required = (name: string, type: string): Field => ({ name, type, required: true })
export const optional = (name: string, type: string): Field => ({ name, type })
export const many = (name: string, type: string, most: number): Field => ({
  name,
  type,
  required: true,
  array: true,
  most
})
/** As many as this node has written: no peer sends it. */
export const all = (name: string, type: string): Field => ({ name, type, required: true, array: true })
