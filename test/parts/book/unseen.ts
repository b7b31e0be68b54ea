/** An ask without when it was seen: each node has met others at times of its own. */
export function unseen<A extends object>(ask: A): Omit<A, 'seen'> {
  const { seen, ...rest } = ask as A & { seen?: unknown }
  void seen
  return rest
}
