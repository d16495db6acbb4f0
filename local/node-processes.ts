import { join } from 'node:path';
import { projectPath } from '#platform/project';
import type { Context } from './context.js';
import { answersHttp } from './engines/probes.js';
import { allReady } from './health.js';
import type { Plan, ProcessPlan } from './processes.js';
import { inBackground } from './supervision/background.js';
import { runOneShot } from './supervision/one-shot.js';
import type { ProcessSpec } from './supervision/supervised-process.js';

const readyMsMax = 90_000;
const degradedMsMax = 15_000;

export type Environment = Readonly<Record<string, string>>;

/** Some shells set HOST to the name of the machine, at whose address nobody would look for a service. */
const everyProcess = { HOST: '127.0.0.1', MALLOC_ARENA_MAX: '2' } as const;

/** A program of `dist/` that ends by itself, such as the provisioning of topics and schemas. */
export const oneShot = async (
  name: string,
  entry: string,
  env: Environment,
  context: Context,
): Promise<void> => {
  const { folder, crew, progress, signal } = context;
  const program = projectPath(join('dist', entry));
  await progress.step(name, (detail) =>
    runOneShot({
      name,
      command: nodeCommand(program, 256),
      env,
      logFile: folder.logFile(name),
      onLine: (line) => detail(messageIn(line)),
      onStart: (identity) => crew.record(identity),
      signal,
    }),
  );
};

/** The message of a JSON log line, for people. */
const messageIn = (line: string): string => {
  if (!line.startsWith('{')) return line;
  try {
    return String((JSON.parse(line) as { msg?: unknown }).msg ?? line);
  } catch {
    return line;
  }
};

/**
 * The space for new objects shrinks to 1 MB in an idle process, and is cleaned each time it is full: more than once a second,
 * a quarter of what the idle shop computed.
 */
const newSpaceMbMin = 8;

const nodeCommand = (program: string, heapMbMax: number): [string, ...string[]] => [
  process.execPath,
  '--enable-source-maps',
  `--max-old-space-size=${heapMbMax}`,
  `--min-semi-space-size=${newSpaceMbMin}`,
  program,
];

/** The services and jobs, all at once; resolves when every one of them is ready to serve. */
export const startProcesses = async (
  plan: Plan,
  env: Environment,
  { crew, progress, signal }: Context,
): Promise<void> => {
  const specOf = ({ name, entry, hosts, env: own, heapMbMax, comesLater }: ProcessPlan): ProcessSpec => {
    const command = nodeCommand(projectPath(join('dist', entry)), heapMbMax);
    return {
      name,
      ...(hosts.length === 1 ? { url: hosts[0]!.url } : {}),
      hosts,
      command: comesLater ? inBackground(command, 5) : command,
      env: { ...env, ...own, ...everyProcess },
      probe: () => answersHttp(`${hosts.at(-1)!.url}/health/live`),
    };
  };
  await Promise.all(
    plan.processes.map((one) => progress.step(one.name, () => crew.add(specOf(one), 'service').start())),
  );
  const hosted = plan.processes.flatMap(({ hosts }) => hosts);
  const late = await progress.step('health', () =>
    allReady(hosted, { degradedMsMax, timeoutMs: readyMsMax, signal }),
  );
  for (const one of late) progress.line(`not whole yet: ${one}`);
};

/**
 * Receives the mail of the platform, unless `SMTP_URL` names a server for it. The start does not wait for it. Returns the
 * settings of those who send mail or show where it is.
 */
export const startMailbox = async (gatewayUrl: string, { ports, crew }: Context): Promise<Environment> => {
  const shopUrl = process.env.SHOP_URL || gatewayUrl;
  if (process.env.SMTP_URL) return { SHOP_URL: shopUrl };
  const [port, smtpPort] = [await ports.of('mailbox'), await ports.of('mailbox-smtp')];
  const url = `http://127.0.0.1:${port}`;
  const spec: ProcessSpec = {
    name: 'mailbox',
    url,
    command: inBackground(nodeCommand(projectPath('dist/local/mailbox/main.js'), 64)),
    env: { MAILBOX_PORT: `${port}`, MAILBOX_SMTP_PORT: `${smtpPort}`, ...everyProcess },
    probe: () => answersHttp(`${url}/health/live`),
  };
  void crew.add(spec, 'service').startPatiently();
  return { SHOP_URL: shopUrl, SMTP_URL: `smtp://127.0.0.1:${smtpPort}`, MAILBOX_URL: url };
};

/** The simulated shoppers. The start does not wait for them: a shop without them is whole. */
export const startShoppers = async (env: Environment, { ports, crew }: Context): Promise<void> => {
  const program = projectPath('dist/local/shoppers/main.js');
  const port = await ports.of('shoppers');
  const url = `http://127.0.0.1:${port}`;
  const spec: ProcessSpec = {
    name: 'shoppers',
    url,
    command: inBackground(nodeCommand(program, 160)),
    env: { ...env, SHOPPERS_PORT: `${port}`, ...everyProcess },
    probe: () => answersHttp(`${url}/health/live`),
  };
  void crew.add(spec, 'service').startPatiently();
};
