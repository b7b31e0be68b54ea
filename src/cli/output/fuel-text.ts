const UNITS = [
  ['T', 1_000_000_000_000n],
  ['G', 1_000_000_000n],
  ['M', 1_000_000n]
] as const

/** Formats fuel for people, such as `1.25 Tfuel`; below a million it is exact. */
export function fuelText(fuel: bigint): string {
  for (const [unit, size] of UNITS) {
    if (fuel < size) continue
    const value = Number((fuel * 1000n) / size) / 1000
    return `${Number(value.toPrecision(4))} ${unit}fuel`
  }
  return `${fuel} fuel`
}
