export interface Recorded {
  method: string
  response?: unknown
  error?: { code: number; message: string }
}

/** Lines of JSON, as recorded. */
export function recordedIn(text: string): Recorded[] {
  const lines = text.split('\n').filter(line => line)
  return lines.map(line => JSON.parse(line) as Recorded)
}

/** The key or type of an answer that no recorded answer of its method has; null for none. */
export function shapeFault(recorded: readonly Recorded[], method: string, answer: unknown): string | null {
  const known = recorded.filter(one => one.method === method && one.response !== undefined)
  if (known.length === 0) return `no answer of ${method} is recorded`
  const real = known.map(one => one.response)
  return faultIn(answer, real, method)
}

function faultIn(value: unknown, real: readonly unknown[], path: string): string | null {
  const type = typeOf(value)
  const alike = real.filter(one => typeOf(one) === type)
  if (alike.length === 0) return `${path} is a ${type}`
  if (Array.isArray(value)) {
    const items = alike.flatMap(one => one as unknown[])
    for (const item of value as unknown[]) {
      const fault = items.length === 0 ? null : faultIn(item, items, `${path}[]`)
      if (fault) return fault
    }
    return null
  }
  if (type !== 'object') return null
  const objects = alike as Record<string, unknown>[]
  const own = value as Record<string, unknown>
  // An answer with a status is compared with recorded answers of the same status.
  const same = objects.filter(one => one['status'] === own['status'])
  const comparable = same.length > 0 ? same : objects
  for (const [key, inner] of Object.entries(own)) {
    const inners = comparable.filter(one => key in one).map(one => one[key])
    if (inners.length === 0 && DOCUMENTED.has(`${path}.${key}`)) continue
    if (inners.length === 0) return `${path} has a key ${key}`
    const fault = faultIn(inner, inners, `${path}.${key}`)
    if (fault) return fault
  }
  if (same.length === 0) return null // no recorded answer of this status says what it must have
  if (path.includes('.') || path.includes('[')) return missing(own, comparable, path, LIGHT)
  return missing(own, comparable, path, new Set())
}

/** Documented in lightning-getinfo(7); the recorded node was always in sync. */
const DOCUMENTED = new Set(['getinfo.warning_lightningd_sync'])
/** Parts of a channel that need a chain, which the fake leaves out. */
const LIGHT = new Set(['listpeerchannels.channels[]'])

function missing(
  own: Record<string, unknown>,
  real: readonly Record<string, unknown>[],
  path: string,
  light: ReadonlySet<string>
): string | null {
  if (light.has(path)) return null
  const always = Object.keys(real[0]!).filter(key => real.every(one => key in one))
  const lacking = always.find(key => !(key in own))
  return lacking ? `${path} lacks the key ${lacking}` : null
}

function typeOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
}
