/**
 * Every service and stream job, a line each, in the order in which they are started. The folder, the container, the
 * scrape target and the settings (`ORDER_PORT`, `ORDER_URL`) of each follow from its name. What runs the platform
 * derives from this table; what cannot is held to it by tests/table.test.ts, which says what is missing.
 */
export type Part = {
  name: string;
  /** The one gateway is the door to the services; a job serves nothing but its own health and metrics. */
  kind: 'gateway' | 'service' | 'job';
  /** What the gateway forwards to it: each a Fastify pattern that stands for itself and for all below it. */
  paths: readonly string[];
};

export const table = [
  { name: 'user', kind: 'service', paths: ['/api/auth', '/api/users', '/.well-known/jwks.json'] },
  { name: 'product', kind: 'service', paths: ['/api/products'] },
  { name: 'inventory', kind: 'service', paths: ['/api/inventory'] },
  { name: 'order', kind: 'service', paths: ['/api/orders', '/api/ops/sagas'] },
  { name: 'payment', kind: 'service', paths: ['/api/payments'] },
  { name: 'notification', kind: 'service', paths: ['/api/notifications'] },
  { name: 'analytics', kind: 'service', paths: ['/api/analytics', '/api/ops/reconciliation'] },
  { name: 'recommendation', kind: 'service', paths: ['/api/recommendations'] },
  { name: 'gateway', kind: 'gateway', paths: [] },
  { name: 'clickhouse-ingest', kind: 'job', paths: [] },
  { name: 'item-similarity', kind: 'job', paths: [] },
] as const satisfies readonly Part[];

type Row = (typeof table)[number];

/** What the gateway forwards to. */
export type ServiceName = Extract<Row, { kind: 'service' }>['name'];

/** What the gateway watches beside the services. */
export type JobName = Extract<Row, { kind: 'job' }>['name'];

export const services = table.filter(
  (part): part is Extract<Row, { kind: 'service' }> => part.kind === 'service',
);
export const jobs = table.filter((part): part is Extract<Row, { kind: 'job' }> => part.kind === 'job');

/** Where the part's `main.ts` is. */
export const folderOf = ({ name, kind }: Part): string =>
  `${kind === 'job' ? 'stream-jobs' : 'services'}/${name}`;
