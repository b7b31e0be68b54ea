import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { ERRORS } from '../../../contracts/errors/error-table.js'

let root = dirname(fileURLToPath(import.meta.url))
while (!existsSync(join(root, 'package.json'))) root = dirname(root)

test('the error table holds exactly the codes that errors are made with', () => {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), path => ts.sys.readFile(path)) as {
    config: object
  }
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const ours = fileNames.filter(name => /^(src|contracts|bin)\//.test(relative(root, name)))
  const program = ts.createProgram(ours, { ...options, noEmit: true, incremental: false })
  const checker = program.getTypeChecker()
  const made = new Map<string, string>()

  const codeOf = (node: ts.Node): ts.Expression | undefined => {
    if (ts.isNewExpression(node) && node.expression.getText() === 'BushelError') return node.arguments?.[0]
    if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.SuperKeyword) return undefined
    const parent = ts.findAncestor(node, ts.isClassLike)?.heritageClauses?.[0]?.types[0]
    return parent?.expression.getText() === 'BushelError' ? node.arguments[0] : undefined
  }

  const look = (node: ts.Node, file: string): void => {
    const argument = codeOf(node)
    if (argument) {
      const type = checker.getTypeAtLocation(argument)
      const types = type.isUnion() ? type.types : [type]
      if (types.length < Object.keys(ERRORS).length)
        for (const one of types) if (one.isStringLiteral()) made.set(one.value, file)
    }
    ts.forEachChild(node, child => look(child, file))
  }
  for (const name of ours) look(program.getSourceFile(name)!, relative(root, name))

  /** True for an argument of a call, or a branch of one. */
  const isPassed = ({ parent }: ts.Node): boolean =>
    ts.isCallExpression(parent) || (ts.isConditionalExpression(parent) && ts.isCallExpression(parent.parent))

  // A function that takes any code makes errors with the codes that it is called with.
  const strings = (node: ts.Node, file: string): void => {
    if (ts.isStringLiteral(node) && node.text in ERRORS && isPassed(node)) {
      const type = checker.getContextualType(node)
      const union = type?.isUnion() ? type.types.filter(one => one.isStringLiteral()).length : 0
      if (union === Object.keys(ERRORS).length) made.set(node.text, file)
    }
    ts.forEachChild(node, child => strings(child, file))
  }
  for (const name of ours) strings(program.getSourceFile(name)!, relative(root, name))

  assert.deepEqual(
    [...made].filter(([code]) => !(code in ERRORS)),
    []
  )
  const unused = Object.keys(ERRORS).filter(code => !made.has(code))
  assert.deepEqual(unused, [], 'no error is made with these')
})
