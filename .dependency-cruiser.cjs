/** The arrows between the folders (ARCHITECTURE.md, "The dependency rule"). `npm run check` holds them. */
module.exports = {
  forbidden: [
    {
      name: 'services-meet-in-schemas',
      comment: 'A service never imports another service; they meet in schemas/ and on the log.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/([^/]+)/', pathNot: '^services/$1/' },
    },
    {
      name: 'jobs-and-services-stay-apart',
      comment: 'A stream job never imports a service or another job, nor a service a job.',
      severity: 'error',
      from: { path: '^stream-jobs/([^/]+)/' },
      to: {
        path: '^(services/|local/|tests/|scripts/|benchmarks/|stream-jobs/([^/]+)/)',
        pathNot: '^stream-jobs/$1/',
      },
    },
    {
      name: 'services-do-not-know-jobs',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: '^(stream-jobs|local|tests|benchmarks|scripts)/' },
    },
    {
      name: 'platform-knows-no-shop',
      comment: 'platform/ contains no shop noun: it receives topics and schemas as values.',
      severity: 'error',
      from: { path: '^platform/' },
      to: { path: '^(services|stream-jobs|schemas|local|tests|benchmarks|scripts)/' },
    },
    {
      name: 'schemas-stand-alone',
      severity: 'error',
      from: { path: '^schemas/' },
      to: { path: '^(platform|services|stream-jobs|local|tests|benchmarks|scripts)/' },
    },
    {
      name: 'testing-is-for-tests',
      severity: 'error',
      from: {
        pathNot:
          '(\\.test\\.ts$|/testing/|\\.contract\\.ts$|^platform/testing/|^tests/|^benchmarks/|^scripts/)',
      },
      to: { path: '^platform/testing/' },
    },
    {
      name: 'pure-files-stay-pure',
      comment: 'Decisions import types and other pure files: no I/O, no clock, no environment.',
      severity: 'error',
      from: {
        path: '^(services/(([^/]+)/\\3|order/(sales|pricing)|inventory/(stock|hold)|analytics/(period|revenue|top-products)|gateway/shopper-event|recommendation/candidates)|stream-jobs/item-similarity/similarity)\\.ts$',
      },
      to: {
        path: '.',
        pathNot:
          '^(node_modules/(zod|uuid)/|schemas/|platform/(assert|ids|http/text|http/bounds)\\.ts$|services/(([^/]+)/\\5|order/(sales|pricing)|inventory/(stock|hold)|analytics/(period|revenue)|recommendation/candidates)\\.ts$|stream-jobs/item-similarity/similarity\\.ts$)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-circles',
      comment: 'Circles of types are circles: what two files both need has a place of its own.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'require', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.d.ts', '.json'],
    },
  },
};
