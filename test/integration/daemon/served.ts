import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { ControlServer } from '../../../src/daemon/control-server.js'
import { controlPath } from '../../../src/daemon/control-path.js'
import { RemoteNode } from '../../../src/daemon/remote-node.js'
import { FakeNode } from '../../doubles/fake-node.js'
import { folder } from '../../parts/folder.js'

/** A control server, with a stand-in for the node that answers on it. */
export async function served(
  t: TestContext,
  node = new FakeNode()
): Promise<{ node: FakeNode; server: ControlServer }> {
  const server = new ControlServer(node, controlPath(await folder(t)))
  await server.ready()
  t.after(() => server.close())
  return { node, server }
}

export async function dial(t: TestContext, { path }: ControlServer): Promise<RemoteNode> {
  const remote = await RemoteNode.connect(path)
  assert.ok(remote)
  t.after(() => remote.close())
  return remote
}

/** The least that the call `mirror` takes. */
export const mirror = { path: '/', copies: 1, time: 1 }
