import type { TestContext } from 'node:test'
import { defineChain, tableMaker } from '../../../src/store/definition.js'
import type { Codec } from '../../../src/store/definition.js'
import { parts, text, uint } from '../../../src/store/key.js'
import { Store } from '../../../src/store/store.js'
import type { StoreOptions } from '../../../src/store/store.js'

const table = tableMaker('test/')

/** A row of the sample table. */
export interface Task {
  state: string
  due: number | null
  tags: string[]
}

export const json: Codec<Task> = {
  encode: value => Buffer.from(JSON.stringify(value)),
  decode: bytes => JSON.parse(bytes.toString()) as Task
}

export const tasks = table('tasks', uint, json, {
  indexes: index => ({
    due: index(uint, task => task.due),
    stateDue: index(parts(text, uint), task =>
      task.due === null ? null : ([task.state, task.due] as const)
    ),
    tag: index.many(text, task => task.tags)
  }),
  rows: 2000,
  forget: { text: 'a day after it was due', by: 'due', after: 86_400_000 }
})

/** Answers by peer and number; a struct of the schema. */
export const replies = table('replies', parts(text, uint), 'stored-reply', {
  unbounded: 'a sample',
  forget: 'the test deletes them'
})

export const history = defineChain({ name: 'history', struct: 'stored-reply', owner: 'test/' })

export const sample: StoreOptions = { tables: [tasks, replies], chains: [history] }

export const reply = (text: string): { at: number; reply: Buffer } => ({ at: 1, reply: Buffer.from(text) })

/** Opens a store, which is closed after the test. */
export async function opened(
  t: TestContext,
  home: string,
  options: Partial<StoreOptions> = {}
): Promise<Store> {
  const store = new Store(home, { ...sample, ...options })
  await store.ready()
  t.after(() => store.close())
  return store
}
