// The floors of the house (docs/architecture.md). An arrow runs only downward; two rooms of one floor do not know each other.
const floors = [
  ['^contracts/'],
  ['^src/identity/', '^src/book/', '^src/lightning/', '^src/network/', '^src/journal/'],
  ['^src/deal/', '^src/payment/'],
  ['^src/storage/', '^src/compute/'],
  ['^src/node\\.ts$', '^src/node/'],
  ['^src/daemon/'],
  ['^src/cli/'],
  ['^bin/']
]

const forbidden = [
  { name: 'no-cycle', severity: 'error', from: { path: '^(src|contracts|bin)/' }, to: { circular: true } },
  {
    name: 'no-test-import',
    severity: 'error',
    from: { path: '^(src|contracts|bin)/' },
    to: { path: '^(test|bench|scripts)/' }
  },
  {
    name: 'demo-from-outside',
    comment:
      'the demo drives the executable as a user would; but no command makes a provider lie, so that the liar is a node of its own',
    severity: 'error',
    from: { path: '^bin/demo', pathNot: '^bin/demo/liar\\.ts$' },
    to: { path: '^src/' }
  },
  {
    name: 'guest-alone',
    comment:
      "what runs beside a stranger's module is bound into its sandbox: its own folder and the fuel, nothing else",
    severity: 'error',
    from: { path: '^src/compute/(guest|fuel)/' },
    to: { pathNot: '^src/compute/(guest|fuel)/', dependencyTypesNot: ['core'] }
  },
  {
    name: 'not-resolvable',
    severity: 'error',
    from: { path: '^(src|contracts|bin)/' },
    to: { couldNotResolve: true, pathNot: '^#(spec|ldk)$' }
  }
]

floors.forEach((rooms, i) => {
  const above = floors.slice(i + 1).flat()
  for (const room of rooms) {
    const sideways = rooms.filter(r => r !== room && !(r.includes('node') && room.includes('node')))
    const banned = [...above, ...sideways]
    if (banned.length)
      forbidden.push({
        name: `floor-${i + 1}-${room.replace(/[^a-z]/g, '')}`,
        severity: 'error',
        from: { path: room },
        to: { path: banned.join('|') }
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
