import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { nameOf } from '../../../src/cli/syntax.js'
import type { ListedCommand } from '../../../src/cli/syntax.js'
import { CALLS } from '../../../src/node/api/calls.js'

const list = new URL('../../../src/cli/commands.json', import.meta.url)
const script = new URL('../../../../scripts/commands.js', import.meta.url)

test('the list that the build made of the commands is the one that their modules give', async () => {
  const listed = JSON.parse(await readFile(list, 'utf8')) as ListedCommand[]
  const { listCommands } = (await import(script.href)) as { listCommands: () => Promise<ListedCommand[]> }
  assert.deepEqual(listed, JSON.parse(JSON.stringify(await listCommands())))
})

test('the file of a command has its name, and every call has a command', async () => {
  const listed = JSON.parse(await readFile(list, 'utf8')) as ListedCommand[]
  for (const { file, syntax } of listed) {
    const name = nameOf(syntax).replaceAll(' ', '-')
    assert.ok(file.endsWith(`/${name}`) || name === 'sell-resume', `${file} has ${name}`)
  }
  const called = new Set(listed.flatMap(({ syntax }) => syntax.calls ?? []))
  assert.deepEqual([...called].sort(), Object.keys(CALLS).sort())
})
