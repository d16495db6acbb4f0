import { variableOf } from '#platform/config';
import { folderOf, memoryMiBOf, type Part, sharedJobs, sharedServices, table } from '../services/table.js';
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
  /** Nobody waits for what it works on, so on a busy machine the shop comes first. */
  comesLater: boolean;
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

const heapMbMax = { shop: 512, streams: 1_024 } as const;

const urlAt = (port: number): string => `http://127.0.0.1:${port}`;

type Placed = { part: Part; name: string; port: number };

export const planProcesses = async (options: PlanOptions): Promise<Plan> => {
  const { separate, instances, ports } = options;
  for (const name of Object.keys(instances)) {
    const part = table.find((one) => one.name === name);
    if (part === undefined) throw new Error(`--instances: there is no service "${name}"`);
    if (part.kind === 'gateway') throw new Error('--instances: there is one gateway, as there is one --port');
  }

  const placed: Placed[] = [];
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

  const alone = ({ part, name, port }: Placed): ProcessPlan => ({
    name,
    entry: `${folderOf(part)}/main.js`,
    hosts: [{ name, url: urlAt(port) }],
    env: { [variableOf(part.name, 'PORT')]: `${port}` },
    heapMbMax: memoryMiBOf(part).heapMax,
    comesLater: sharedJobs.includes(part),
  });
  const together = (name: keyof typeof entries, hosted: readonly Placed[]): ProcessPlan => ({
    name,
    entry: entries[name],
    hosts: hosted.map((one) => ({ name: one.name, url: urlAt(one.port) })),
    env: Object.fromEntries(hosted.map(({ part, port }) => [variableOf(part.name, 'PORT'), `${port}`])),
    heapMbMax: heapMbMax[name],
    comesLater: name === 'streams',
  });
  /** Other instances of a job have processes of their own. */
  const isShared = ({ part, name }: Placed): boolean =>
    sharedServices.includes(part) || (sharedJobs.includes(part) && name === part.name);
  return {
    processes: separate
      ? placed.map(alone)
      : [
          together(
            'shop',
            placed.filter(({ part }) => sharedServices.includes(part)),
          ),
          together(
            'streams',
            placed.filter((one) => one.part.kind === 'job' && isShared(one)),
          ),
          ...placed.filter((one) => !isShared(one)).map(alone),
        ],
    gatewayUrl: urlAt(options.gatewayPort),
    env,
  };
};

/** The processes that run several parts. */
const entries = { shop: 'services/shop.js', streams: 'stream-jobs/streams.js' } as const;
