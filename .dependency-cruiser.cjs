const decidingFiles = '^(services|stream-jobs)/[^/]+/[^/]+[.]ts$';

/** The files of services and jobs that have effects: those of these roles, and those named here. */
const withEffects = [
  '/(main|service|config|reactions|routes)[.]ts$',
  '-(routes|store|reads|metrics|telemetry|replica|worker|listener|calls|provider|sink)[.]ts$',
  '[.]test[.]ts$',
  '^services/analytics/(completeness|reconciliation)[.]ts$',
  '^services/gateway/(account-export|api-keys|catalogue-cache|collector|direct-pass|forwarding|front|health|load-shedding|pages|rate-limits|remote-pass|request-counter|sharing|upstream|web-files)[.]ts$',
  '^services/order/(access|place-order|sweeper)[.]ts$',
  '^services/payment/providers[.]ts$',
  '^services/recommendation/learning[.]ts$',
  '^services/user/(accounts|address-book|announcements|answers|api-keys|contact-backfill|devices|logins|mailed-tokens|password|replace-password|signing-keys|tokens)[.]ts$',
  '^stream-jobs/clickhouse-ingest/(assignment|block-claims|block-insert|block-sequence|gathered-insert|gathering|in-flight|ingest|partition-pipeline|rollup-mending|stored-rows|table-gate)[.]ts$',
  '^stream-jobs/[^/]+/known-products[.]ts$',
];

/** What a file without effects may import. Packages and parts of the platform are named; others may have effects. */
const withoutEffects = [
  '^(services|stream-jobs|schemas|recommenders)/',
  '^node_modules/(zod|uuid)/',
  '^crypto$',
  '^platform/(assert|bounded-map|errors|fresh-map|html|ids)[.]ts$',
  '^platform/http/(bounds|json-value|strict-json|text|url-login)[.]ts$',
  '^platform/messaging/(asyncapi|avro-codec|datum-walk|record-pack)[.]ts$',
  '^platform/statistics/',
  '^platform/streams/(distinct|earliest|interning|join|recent-ids|topology|window)[.]ts$',
  '^platform/postgres/(gathering|list-parameter)[.]ts$',
  '^platform/telemetry/cache-counters[.]ts$',
];

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
      to: { path: '^(services|stream-jobs|schemas|recommenders|local|tests|benchmarks|scripts)/' },
    },
    {
      name: 'messaging-knows-no-streams',
      comment:
        'Services consume too: what both need of a consumer is in messaging/, on which streams/ stands.',
      severity: 'error',
      from: { path: '^platform/messaging/' },
      to: { path: '^platform/streams/' },
    },
    {
      name: 'recommenders-only-compute',
      comment:
        'Jobs, services and commands share the models, so the models have no effects and import nothing else.',
      severity: 'error',
      from: { path: '^recommenders/', pathNot: '[.]test[.]ts$' },
      to: { pathNot: '^recommenders/' },
    },
    {
      name: 'schemas-stand-alone',
      severity: 'error',
      from: { path: '^schemas/' },
      to: { path: '^(platform|services|stream-jobs|recommenders|local|tests|benchmarks|scripts)/' },
    },
    {
      name: 'testing-is-for-tests',
      severity: 'error',
      from: {
        pathNot:
          '(\\.test\\.ts$|/testing/|\\.contract\\.ts$|^platform/testing/|^tests/|^benchmarks/|^scripts/)',
      },
      to: { path: '^(platform|schemas/[^/]+)/testing/' },
    },
    {
      name: 'pure-files-stay-pure',
      comment:
        'A file of a service or a job decides and computes: no I/O, no timer, no environment. If it has effects, its name says so (`withEffects` above).',
      severity: 'error',
      from: { path: decidingFiles, pathNot: withEffects },
      to: { pathNot: withoutEffects, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'pure-files-call-no-effects',
      comment: 'A file without effects may import the types of one that has some, and nothing else of it.',
      severity: 'error',
      from: { path: decidingFiles, pathNot: withEffects },
      to: { path: withEffects, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'web-apps-stay-apart',
      comment: 'No app of web/ imports another: a shopper never loads the code of operators.',
      severity: 'error',
      from: { path: '^web/(storefront|dashboard|admin)/' },
      to: { path: '^web/(storefront|dashboard|admin)/', pathNot: '^web/$1/' },
    },
    {
      name: 'web-shares-downwards',
      comment: 'What the apps share imports no app; the kit, like the platform, knows no shop and no API.',
      severity: 'error',
      from: { path: '^web/(api|cover|kit|money|saga|staff|words)/' },
      to: { path: '^web/(storefront|dashboard|admin)/' },
    },
    {
      name: 'web-kit-stands-alone',
      severity: 'error',
      from: { path: '^web/(kit|money|words)/', pathNot: '[.]test[.]tsx?$' },
      to: { path: '^web/', pathNot: '^web/(kit|money|words)/' },
    },
    {
      name: 'web-meets-the-rest-on-http',
      comment: 'The pages have the API and its generated types, and nothing of the programs that answer.',
      severity: 'error',
      from: { path: '^web/', pathNot: '[.]test[.]tsx?$' },
      to: { path: '^(services|stream-jobs|platform|schemas|recommenders|local|tests|benchmarks|scripts)/' },
    },
    {
      name: 'nothing-imports-web',
      severity: 'error',
      from: { pathNot: '^(web|tests)/' },
      to: { path: '^web/' },
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
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.d.ts', '.json'],
    },
  },
};
