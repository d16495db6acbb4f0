/**
 * Every service and stream job, one line each, in the order in which they are started. The folder, the container, the
 * scrape target and the settings (`ORDER_PORT`, `ORDER_URL`) of each follow from its name. The programs that run the
 * platform read this table; `npm run generate` writes it into the files of containers. tests/table.test.ts compares
 * files that cannot read it with the table.
 */
export type Part = {
  name: string;
  /** The gateway is the only entry to the services; a job serves only its own health and metrics. */
  kind: 'gateway' | 'service' | 'job';
  /**
   * The paths that the gateway forwards to it, including everything below each path. A segment may be a parameter, which
   * stands for any one segment: `/api/products/:productId/reviews`. The most specific path decides.
   */
  paths: readonly string[];
  /**
   * A part that gets a process of its own also where the others share one, because it uses a core when it catches up, or
   * learns while others answer.
   */
  runsAlone?: true;
  /** Where it needs more than others of its kind: the heap, and in a container the rest of its memory, in MiB. */
  memoryMiB?: { heapMax: number; otherMax: number };
};

/** Of parts that say nothing else; a service's container has the limits that all have in common. */
const usualMemoryMiB = { job: { heapMax: 256, otherMax: 512 }, service: { heapMax: 160, otherMax: 0 } };

/** Of a process with this part alone. */
export const memoryMiBOf = ({ kind, memoryMiB }: Part): { heapMax: number; otherMax: number } =>
  memoryMiB ?? usualMemoryMiB[kind === 'job' ? 'job' : 'service'];

export const table = [
  {
    name: 'user',
    kind: 'service',
    paths: ['/api/auth', '/api/users', '/api/api-keys', '/.well-known/jwks.json'],
  },
  { name: 'product', kind: 'service', paths: ['/api/products', '/api/categories'] },
  { name: 'search', kind: 'service', paths: ['/api/products/search'] },
  { name: 'inventory', kind: 'service', paths: ['/api/inventory', '/api/products/:productId/back-in-stock'] },
  { name: 'cart', kind: 'service', paths: ['/api/cart'] },
  { name: 'order', kind: 'service', paths: ['/api/orders', '/api/ops/sagas'] },
  { name: 'payment', kind: 'service', paths: ['/api/payments'] },
  {
    name: 'review',
    kind: 'service',
    paths: ['/api/reviews', '/api/products/:productId/reviews', '/api/users/me/reviews'],
  },
  {
    name: 'notification',
    kind: 'service',
    paths: ['/api/notifications', '/api/users/me/notification-preferences'],
  },
  { name: 'config', kind: 'service', paths: ['/api/config', '/api/recommendations/rules'] },
  { name: 'operations', kind: 'service', paths: ['/api/ops/dead-letters'] },
  {
    name: 'analytics',
    kind: 'service',
    paths: [
      '/api/analytics',
      '/api/ops/reconciliation',
      '/api/ops/fraud-signals',
      '/api/recommendations/experiments',
    ],
  },
  {
    name: 'recommendation',
    kind: 'service',
    paths: ['/api/recommendations'],
    runsAlone: true,
    // Models of a million products and users take 1.5 GB, most of it outside the heap (npm run bench recommend).
    memoryMiB: { heapMax: 640, otherMax: 1_408 },
  },
  { name: 'gateway', kind: 'gateway', paths: [] },
  { name: 'clickhouse-ingest', kind: 'job', paths: [], runsAlone: true },
  { name: 'item-similarity', kind: 'job', paths: [] },
  // As many open windows as it allows take half of this, and what a checkpoint writes the rest.
  { name: 'windows', kind: 'job', paths: [], memoryMiB: { heapMax: 768, otherMax: 512 } },
] as const satisfies readonly Part[];

type Row = (typeof table)[number];

/** The services to which the gateway forwards. */
export type ServiceName = Extract<Row, { kind: 'service' }>['name'];

/** The jobs whose health the gateway reports besides the services'. */
export type JobName = Extract<Row, { kind: 'job' }>['name'];

export const services = table.filter(
  (part): part is Extract<Row, { kind: 'service' }> => part.kind === 'service',
);
export const jobs = table.filter((part): part is Extract<Row, { kind: 'job' }> => part.kind === 'job');

/** The jobs that one process runs, unless every part is to have its own. */
export const sharedJobs: readonly Part[] = jobs.filter((job: Part) => job.runsAlone !== true);

/** The services and the gateway that one process runs, unless every part is to have its own. */
export const sharedServices: readonly Part[] = table.filter(
  (part: Part) => part.kind !== 'job' && part.runsAlone !== true,
);

/** The folder of the part's `main.ts`. */
export const folderOf = ({ name, kind }: Part): string =>
  `${kind === 'job' ? 'stream-jobs' : 'services'}/${name}`;
