// The floors of the house (docs/architecture.md). An arrow runs only downward; two rooms of one floor do not know each other.
const { readdirSync } = require('node:fs')

/** Rooms that are not named here are resources. */
const floors = [
  ['contracts/'],
  ['src/base/'],
  ['src/store/'],
  ['src/identity/', 'src/network/', 'src/files/', 'src/book/', 'src/lightning/'],
  ['src/deal/', 'src/payment/'],
  [],
  ['src/node/'],
  ['src/daemon/'],
  ['src/cli/', 'src/web/', 'src/index.ts'],
  ['bin/']
]

const resources = readdirSync('src', { withFileTypes: true })
  .filter(entry => entry.isDirectory() && entry.name !== 'types')
  .map(({ name }) => `src/${name}/`)
  .filter(room => !floors.flat().includes(room))
floors[floors.findIndex(rooms => rooms.length === 0)] = resources
/** The services of a resource stand in its room, and on the floor of the node, which lists them. */
const TRADE = '^src/[^/]+/trade\\.ts$'

const ours = '^(src|contracts|bin)/'

const forbidden = [
  {
    name: 'no-cycle',
    severity: 'error',
    from: { path: '^(src|contracts|bin|bench|scripts)/' },
    to: { circular: true }
  },
  {
    name: 'no-test-import',
    severity: 'error',
    from: { path: ours },
    to: { path: '^(test|bench|scripts)/' }
  },
  {
    name: 'demo-from-outside',
    comment:
      'the demo drives the executable as a user would, and may name the types of its answers; only its lying provider is a node of its own',
    severity: 'error',
    from: { path: '^bin/demo', pathNot: '^bin/demo/liar\\.ts$' },
    to: { path: '^src/', dependencyTypesNot: ['type-only'] }
  },
  {
    name: 'guest-alone',
    comment: "a stranger's module shares its sandbox with these folders and nothing else",
    severity: 'error',
    from: { path: '^src/compute/(guest|fuel)/' },
    to: { pathNot: '^src/compute/(guest|fuel)/', dependencyTypesNot: ['core'] }
  },
  {
    name: 'not-resolvable',
    severity: 'error',
    from: { path: ours },
    to: { couldNotResolve: true, pathNot: '^#(spec|ldk)$' }
  }
]

floors.forEach((rooms, i) => {
  const above = floors.slice(i + 1).flat()
  for (const room of rooms) {
    const banned = [...above, ...rooms.filter(other => other !== room)]
    if (banned.length)
      forbidden.push({
        name: `floor-${i + 1}-${room.replace(/[^a-z]/g, '')}`,
        severity: 'error',
        from: { path: `^${room}`, pathNot: TRADE },
        to: { path: banned.map(other => `^${other}`).join('|') }
      })
  }
})

const node = floors.findIndex(rooms => rooms.includes('src/node/'))
for (const room of resources) {
  const banned = [...floors.slice(node + 1).flat(), ...resources.filter(other => other !== room)]
  forbidden.push({
    name: `trade-${room.replace(/[^a-z]/g, '')}`,
    severity: 'error',
    from: { path: `^${room}trade\\.ts$` },
    to: { path: banned.map(other => `^${other}`).join('|') }
  })
}
forbidden.push({
  name: 'trade-listed',
  comment: 'the services of a resource are named by the list of resources alone',
  severity: 'error',
  from: { path: ours, pathNot: '^src/node/trade/resources\\.ts$' },
  to: { path: TRADE }
})

module.exports = {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types']
    }
  }
}
