import type { Ports } from './data-folder/ports.js';
import { portVariable } from './data-folder/ports.js';

/** Every service and job of the platform, in the order in which they are started. */
export const services = [
  'user',
  'product',
  'inventory',
  'order',
  'payment',
  'notification',
  'analytics',
  'recommendation',
  'gateway',
] as const;
export const jobs = ['clickhouse-ingest', 'item-similarity'] as const;

export type Hosted = { name: string; url: string };

/** One Node.js process to be: its program, what it hosts and where, and what it gets besides the common environment. */
export type ProcessPlan = {
  name: string;
  /** In `dist/`. */
  entry: string;
  hosts: readonly Hosted[];
  env: Readonly<Record<string, string>>;
  heapMbMax: number;
};

export type PlanOptions = {
  gatewayPort: number;
  separate: boolean;
  instances: Readonly<Record<string, number>>;
  ports: Ports;
};

export type Plan = {
  processes: readonly ProcessPlan[];
  gatewayUrl: string;
  /** `ORDER_URL` and the like: where everybody finds everybody. */
  env: Readonly<Record<string, string>>;
};

const heapMbMax = { shop: 512, service: 160, job: 256 } as const;

const urlAt = (port: number): string => `http://127.0.0.1:${port}`;
const urlVariable = (name: string): string => portVariable(name).replace(/_PORT$/, '_URL');

export async function planProcesses(options: PlanOptions): Promise<Plan> {
  const { separate, instances, ports } = options;
  const known: readonly string[] = [...services, ...jobs];
  for (const name of Object.keys(instances)) {
    if (!known.includes(name)) throw new Error(`--instances: there is no service "${name}"`);
    if (name === 'gateway') throw new Error('--instances: there is one gateway, as there is one --port');
  }

  const placed: Array<{ service: string; name: string; port: number }> = [];
  for (const service of known) {
    for (let instance = 1; instance <= (instances[service] ?? 1); instance++) {
      const name = instance === 1 ? service : `${service}-${instance}`;
      placed.push({
        service,
        name,
        port: service === 'gateway' ? options.gatewayPort : await ports.of(name),
      });
    }
  }
  const urlsOf = (service: string): string =>
    placed
      .filter((one) => one.service === service)
      .map(({ port }) => urlAt(port))
      .join(',');
  const env = Object.fromEntries(known.map((service) => [urlVariable(service), urlsOf(service)]));

  const alone = ({ service, name, port }: (typeof placed)[number]): ProcessPlan => ({
    name,
    entry: `${isJob(service) ? 'stream-jobs' : 'services'}/${service}/main.js`,
    hosts: [{ name, url: urlAt(port) }],
    env: { [portVariable(service)]: `${port}` },
    heapMbMax: isJob(service) ? heapMbMax.job : heapMbMax.service,
  });
  const shop = (): ProcessPlan => {
    const hosted = placed.filter(({ service }) => !isJob(service));
    return {
      name: 'shop',
      entry: 'services/shop.js',
      hosts: hosted.map(({ name, port }) => ({ name, url: urlAt(port) })),
      env: Object.fromEntries(hosted.map(({ service, port }) => [portVariable(service), `${port}`])),
      heapMbMax: heapMbMax.shop,
    };
  };
  return {
    processes: separate
      ? placed.map(alone)
      : [shop(), ...placed.filter(({ service }) => isJob(service)).map(alone)],
    gatewayUrl: urlAt(options.gatewayPort),
    env,
  };
}

const isJob = (service: string): boolean => (jobs as readonly string[]).includes(service);
