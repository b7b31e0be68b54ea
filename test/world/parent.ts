/** What a script that runs in a `Child` uses to speak with its test. */

/** The options with which the test started this process. */
export function optionsOf<T>(): T {
  return JSON.parse(process.argv[2]!) as T
}

/** Sends an event to the test. */
export function tell(event: object): void {
  process.send!({ event })
}

/** Answers each order of the test; `codeOf` gives the code of an error. Ends with the test. */
export function answerOrders<O>(
  execute: (order: O) => Promise<unknown>,
  codeOf = (error: unknown): string => (error as { code?: string }).code ?? ''
): void {
  process.on('message', ({ ask: answer, order }: { ask: number; order: O }) => {
    execute(order).then(
      value => process.send!({ answer, value }),
      (error: unknown) => {
        const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
        process.send!({ answer, error: { code: codeOf(error), message } })
      }
    )
  })
  endWithTest()
}

/** Ends this process when the test is gone, however it ended. */
export function endWithTest(): void {
  process.on('disconnect', () => process.exit())
}
