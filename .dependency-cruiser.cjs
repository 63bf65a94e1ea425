// Dependencies point downward only. A folder may import from itself and from the layers named here.
const layers = [
  ['platform', []],
  ['store', ['platform']],
  ['api', ['platform']],
  ['registry', ['platform', 'store', 'api']],
  ['client', ['platform', 'store', 'api', 'registry']],
  ['apiserver', ['platform', 'store', 'api', 'registry', 'client']],
  ['dns', ['platform', 'api', 'client']],
  ['node', ['platform', 'api', 'client']],
  ['scheduler', ['platform', 'api', 'client']],
  ['controllers', ['platform', 'api', 'client']],
  [
    'cluster',
    ['platform', 'store', 'api', 'registry', 'client', 'apiserver', 'dns', 'node', 'scheduler', 'controllers'],
  ],
  [
    'testing',
    [
      'platform',
      'store',
      'api',
      'registry',
      'client',
      'apiserver',
      'dns',
      'node',
      'scheduler',
      'controllers',
      'cluster',
    ],
  ],
  // The command line talks to a cluster through the API like any other client; only `up` composes one.
  ['cli', ['platform', 'api', 'client', 'cluster', 'controllers']],
];

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'not-to-test', severity: 'error', from: { pathNot: '\\.test\\.ts$' }, to: { path: '\\.test\\.ts$' } },
    {
      name: 'not-to-dev-dependency',
      severity: 'error',
      from: { path: '^src', pathNot: '\\.test\\.ts$|/contract\\.ts$' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    ...layers.map(([layer, below]) => ({
      name: `${layer}-points-downward`,
      severity: 'error',
      from: { path: `^src/${layer}/`, pathNot: '\\.test\\.ts$' },
      to: { path: '^src/', pathNot: `^src/(${[layer, ...below].join('|')})/` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
