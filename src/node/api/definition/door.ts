import * as v from 'valibot'
import { BushelError } from '../../../../contracts/errors/error.js'
import { UNKNOWN } from './schema.js'

/**
 * The parameters of a call, checked. Throws BAD_INPUT, which names the field. Every door uses it: the control socket, the
 * node itself for commands and libraries, reading without a node, jobs at home.
 */
export function checked<S extends v.GenericSchema>(
  method: string,
  schema: S,
  params: unknown
): v.InferOutput<S> {
  const { issues, success, output } = v.safeParse(schema, params, { abortEarly: true })
  if (success) return output
  const [issue] = issues
  const field = v.getDotPath(issue)
  const hint = `see its parameters with: bushel api ${method}`
  if (field === null) throw new BushelError('BAD_INPUT', `the parameters of ${method} ${issue.message}`, hint)
  const name = field.replace(/[^\x20-\x7e]/g, '?').slice(0, 80)
  if (issue.message === UNKNOWN)
    throw new BushelError('BAD_INPUT', `${method} has no parameter '${name}'`, hint)
  throw new BushelError('BAD_INPUT', `the parameter '${name}' of ${method} ${issue.message}`, hint)
}
