/** Control characters, line ends, marks of text direction, and characters that nobody sees. */
const HIDDEN = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u
const EACH_HIDDEN = new RegExp(HIDDEN, 'gu')

/** True when a text from a stranger is one line in which nothing is hidden. */
export function isOneLine(text: string): boolean {
  return !HIDDEN.test(text)
}

/** One line of at most `most` characters: what cannot be seen, and space in a row, becomes one space. */
export function oneLine(text: string, most: number): string {
  return text
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
    .slice(0, most)
    .replace(/\p{Cs}$/u, '') // half a character
}

/** The same text with a mark in the place of each hidden character, and a space in that of a line end. */
export function shownInOneLine(text: string): string {
  return text.replace(/\s*[\n\r]\s*/g, ' ').replace(EACH_HIDDEN, '\ufffd')
}

/** The same text with a mark in the place of each hidden character but line ends and tabs. */
export function shownOnTerminal(text: string): string {
  return text.replace(EACH_HIDDEN, found => (found === '\n' || found === '\t' ? found : '\ufffd'))
}
