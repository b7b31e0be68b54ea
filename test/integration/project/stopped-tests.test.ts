import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { Children } from '../../world/children.js'

const CHILDREN = new URL('../../world/children.js', import.meta.url).href
/** A test with a process and a folder, which is not over. The process lives as long as its connection. */
const endless = (socket: string): string => `
  import { Children } from '${CHILDREN}'
  const children = await Children.open({ after: () => undefined })
  children.code("import { connect } from 'node:net'; connect('${socket}')")
  console.log(JSON.stringify({ dir: children.dir }))
`

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(
    `a test file that is stopped by ${signal} leaves no process and no folder behind`,
    { timeout: 60_000 },
    async t => {
      const children = await Children.open(t)
      const server = createServer().listen(children.at('socket'))
      t.after(() => server.close())
      const connected = once(server, 'connection') as Promise<[Socket]>
      const file = children.code(endless(children.at('socket')))
      const { dir } = (await file.line(line => 'dir' in line)) as { dir: string }
      const [child] = await connected
      const ended = once(child.resume(), 'close')
      assert.ok(existsSync(dir))
      const { code } = await file.kill(signal)
      assert.equal(code, signal === 'SIGINT' ? 130 : 143)
      assert.equal(existsSync(dir), false)
      await ended
    }
  )
}
