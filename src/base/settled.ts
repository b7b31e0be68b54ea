/** Waits until all of the work has ended, however it ended, but at most `timeoutMs`: whoever began it hears of it. */
export async function settledWithin(work: Iterable<Promise<unknown>>, timeoutMs: number): Promise<void> {
  const pending = [...work]
  if (pending.length === 0) return
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>(resolve => {
    timer = setTimeout(resolve, timeoutMs)
  })
  await Promise.race([Promise.allSettled(pending), limit])
  clearTimeout(timer)
}
