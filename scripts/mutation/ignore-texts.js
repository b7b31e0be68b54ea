// Keeps the texts of errors from being mutated. A test that repeats a sentence word for word would only pin it; the code
// of the error, which decides exit code, kind and what the node does next, is mutated.

/** The arguments of the constructor that are text: of a BushelError, message and hint; of another error, the message. */
const textsOf = ({ callee, arguments: given }) =>
  callee.name === 'BushelError'
    ? given.slice(1, 3)
    : /Error$/.test(callee.name ?? '')
      ? given.slice(0, 1)
      : []

export const strykerPlugins = [
  {
    kind: 'Ignore',
    name: 'texts-of-errors',
    value: {
      shouldIgnore({ node, parent }) {
        const isText = parent?.type === 'NewExpression' && textsOf(parent).includes(node)
        return isText ? 'the text of an error' : undefined
      }
    }
  }
]
