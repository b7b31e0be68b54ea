import assert from 'node:assert/strict'
import { BushelError } from '../../../../contracts/errors/error.js'

/** A kind of signed document in a file of JSON. */
export interface DocumentFile {
  parse: (text: string) => unknown
  /** A valid one. */
  text: string
  /** Its name in the field `format`, without the version. */
  format: string
  maxBytes: number
}

/** Each of these texts is refused in one line with its reason, and so are those that are no document of this kind at all. */
export function assertRefused(file: DocumentFile, cases: [change: object, reason: RegExp][]): void {
  const { parse, text, format, maxBytes } = file
  const plain = JSON.parse(text) as object
  const otherFormat = new RegExp(`format is not ${format}/1`)
  const all: [string, RegExp][] = [
    [text + ' '.repeat(maxBytes), /larger than \d+ bytes/],
    ['{\n"format": oops\n}', /not JSON/],
    ['', /not JSON/],
    ['null', /not a JSON object/],
    [JSON.stringify(format), /not a JSON object/],
    ['[]', otherFormat],
    [JSON.stringify({ ...plain, format: `${format}/2` }), otherFormat],
    ...cases.map(([change, reason]): [string, RegExp] => [JSON.stringify({ ...plain, ...change }), reason])
  ]
  for (const [bad, reason] of all) {
    assert.throws(
      () => parse(bad),
      (error: unknown) => {
        assert.ok(error instanceof BushelError)
        assert.equal(error.code, 'BAD_RECEIPT')
        assert.equal(error.exit, 2)
        assert.match(error.message, reason)
        assert.ok(!error.message.includes('\n'))
        return true
      }
    )
  }
}
