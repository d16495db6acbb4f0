import { variableOf } from '#platform/config';
import { folderOf, type Part, table } from '../services/table.js';
import type { Ports } from './data-folder/ports.js';

export type Hosted = { name: string; url: string };

/** The description of a Node.js process: its program, its services and their ports, and its additional environment. */
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
  /** `ORDER_URL` and so on: the addresses of all services, for all processes. */
  env: Readonly<Record<string, string>>;
};

const heapMbMax = { shop: 512, service: 160, job: 256 } as const;

const urlAt = (port: number): string => `http://127.0.0.1:${port}`;

export const planProcesses = async (options: PlanOptions): Promise<Plan> => {
  const { separate, instances, ports } = options;
  for (const name of Object.keys(instances)) {
    const part = table.find((one) => one.name === name);
    if (part === undefined) throw new Error(`--instances: there is no service "${name}"`);
    if (part.kind === 'gateway') throw new Error('--instances: there is one gateway, as there is one --port');
  }

  const placed: Array<{ part: Part; name: string; port: number }> = [];
  for (const part of table) {
    for (let instance = 1; instance <= (instances[part.name] ?? 1); instance++) {
      const name = instance === 1 ? part.name : `${part.name}-${instance}`;
      placed.push({
        part,
        name,
        port: part.kind === 'gateway' ? options.gatewayPort : await ports.of(name),
      });
    }
  }
  const urlsOf = (part: Part): string =>
    placed
      .filter((one) => one.part === part)
      .map(({ port }) => urlAt(port))
      .join(',');
  const env = Object.fromEntries(table.map((part) => [variableOf(part.name, 'URL'), urlsOf(part)]));

  const alone = ({ part, name, port }: (typeof placed)[number]): ProcessPlan => ({
    name,
    entry: `${folderOf(part)}/main.js`,
    hosts: [{ name, url: urlAt(port) }],
    env: { [variableOf(part.name, 'PORT')]: `${port}` },
    heapMbMax: isJob(part) ? heapMbMax.job : heapMbMax.service,
  });
  const shop = (): ProcessPlan => {
    const hosted = placed.filter(({ part }) => !isJob(part));
    return {
      name: 'shop',
      entry: 'services/shop.js',
      hosts: hosted.map(({ name, port }) => ({ name, url: urlAt(port) })),
      env: Object.fromEntries(hosted.map(({ part, port }) => [variableOf(part.name, 'PORT'), `${port}`])),
      heapMbMax: heapMbMax.shop,
    };
  };
  return {
    processes: separate
      ? placed.map(alone)
      : [shop(), ...placed.filter(({ part }) => isJob(part)).map(alone)],
    gatewayUrl: urlAt(options.gatewayPort),
    env,
  };
};

const isJob = ({ kind }: Part): boolean => kind === 'job';
