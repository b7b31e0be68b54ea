// The floors of the house (docs/architecture.md). An arrow runs only downward; two rooms of one floor do not know each other.
const floors = [
  ['contracts/'],
  ['src/base/'],
  ['src/store/'],
  ['src/identity/', 'src/network/', 'src/files/', 'src/book/', 'src/lightning/'],
  ['src/deal/', 'src/payment/'],
  ['src/storage/', 'src/compute/'],
  ['src/node/'],
  ['src/daemon/'],
  ['src/cli/', 'src/web/', 'src/index.ts'],
  ['bin/']
]

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
        from: { path: `^${room}` },
        to: { path: banned.map(other => `^${other}`).join('|') }
      })
  }
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
