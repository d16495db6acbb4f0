import { isFree } from '#setup/port';
import type { Context } from './context.js';
import { type Admin, adminOf } from './data-folder/admin.js';
import { openDataFolder } from './data-folder/open.js';
import { createPorts, type Ports, PortTaken } from './data-folder/ports.js';
import { removeRunFile, writeRunFile } from './data-folder/run-file.js';
import type { ClientEngine } from './engines/engine.js';
import { engineEnv, startEngines, startPrometheus } from './engines/start.js';
import { buildNativeClient } from './native-client.js';
import { oneShot, startMailbox, startProcesses, startShoppers } from './node-processes.js';
import { planProcesses } from './processes.js';
import type { Progress } from './progress.js';
import type { Options } from './setup/options.js';
import { hasFullShelves } from './shelves.js';
import { prometheusMissing } from './software/programs.js';
import { createCrew } from './supervision/crew.js';
import { warmUp } from './warm-up.js';

export type RunningPlatform = {
  /** Undefined with `--engines-only`. */
  gatewayUrl: string | undefined;
  zipkinUrl: string;
  /** Resolves once Zipkin answers, for which the start does not wait. */
  zipkinAnswers: Promise<void>;
  /** Undefined with `--engines-only`, or where `SMTP_URL` sends the mail elsewhere. */
  mailboxUrl: string | undefined;
  /** Who may log in to the dashboard and the admin pages. */
  adminEmail: string;
  runFile: string;
  /** One line for each optional program that is missing, with the command that installs it. */
  without: readonly string[];
  stop(): Promise<void>;
};

// Over seventy lines: the start of all that runs, in its order.
/**
 * Starts everything in order: engines, topics and schemas, services and jobs, the catalogue, shoppers. If a step fails
 * or is aborted, everything started so far is stopped again. Mailbox, shoppers and Zipkin are not waited for.
 */
export const startPlatform = async (
  options: Options,
  progress: Progress,
  signal: AbortSignal,
): Promise<RunningPlatform> => {
  const folder = await openDataFolder(options.dataDir, { fresh: options.fresh });
  const ports = createPorts(folder.path, process.env);
  const crew = createCrew(folder, progress);
  const context: Context = { folder, ports, crew, progress, signal };
  // A wait for an engine that hangs would not notice the signal.
  signal.addEventListener('abort', () => void crew.stop(), { once: true });
  const stop = async (): Promise<void> => {
    removeRunFile(folder.path);
    await crew.stop();
    folder.close();
  };
  if (folder.leftovers > 0)
    progress.line(`removed ${folder.leftovers} processes that a killed launcher left`);
  try {
    await buildNativeClient(process.env, progress);
    const gatewayPort = options.enginesOnly ? 0 : await gatewayPortOf(options.port, ports);
    const { urls, software, startZipkin } = await startEngines(context);
    const admin = adminOf(folder.path);
    const published = { admin, urls };
    if (options.enginesOnly) {
      const { answers } = await startZipkin({ awaited: true });
      return {
        gatewayUrl: undefined,
        zipkinUrl: urls.zipkin,
        zipkinAnswers: answers,
        mailboxUrl: undefined,
        adminEmail: admin.email,
        runFile: publish(published, context),
        without: [],
        stop,
      };
    }

    const plan = await planProcesses({ ...options, gatewayPort, ports });
    const env: Record<string, string> = {
      ...engineEnv(urls),
      ...plan.env,
      LIMITS: options.limits,
      ADMIN_EMAIL: admin.email,
      ADMIN_PASSWORD: admin.password,
      CATALOG: `${options.catalogSize}`,
      ...(await startMailbox(plan.gatewayUrl, context)),
    };
    await oneShot('provision', 'local/provision.js', env, context);
    const prometheus = await startPrometheus(software, plan, context);
    if (prometheus !== undefined) env.PROMETHEUS_URL = prometheus;
    await startProcesses(plan, env, context);
    if (!(await hasFullShelves(plan.gatewayUrl, options.catalogSize)))
      await oneShot('seed', 'local/seed.js', env, context);
    if (options.traffic) await startShoppers(env, context);
    await progress.step('warm-up', () => warmUp(plan.gatewayUrl));
    const { answers: zipkinAnswers } = await startZipkin({ awaited: false });

    const { gatewayUrl } = plan;
    const runFile = publish({ ...published, gateway: gatewayUrl, prometheus }, context);
    const without = prometheus === undefined ? [prometheusMissing] : [];
    return {
      gatewayUrl,
      zipkinUrl: urls.zipkin,
      zipkinAnswers,
      mailboxUrl: env.MAILBOX_URL,
      adminEmail: admin.email,
      runFile,
      without,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
};

const gatewayPortOf = async (port: number, ports: Ports): Promise<number> => {
  if (port === 0) return ports.of('gateway');
  if (!(await isFree(port))) throw new PortTaken(port);
  return port;
};

type Published = {
  admin: Admin;
  urls: Readonly<Record<ClientEngine, string>>;
  gateway?: string;
  prometheus?: string | undefined;
};

/** Writes `run.json`, now and whenever a process starts or ends. */
const publish = ({ admin, urls, gateway, prometheus }: Published, { folder, crew }: Context): string => {
  const write = (): string =>
    writeRunFile(folder.path, {
      ...(gateway === undefined ? {} : { gateway }),
      schemaRegistry: urls['schema-registry'],
      kafka: urls.kafka,
      clickhouse: urls.clickhouse,
      postgres: urls.postgres,
      redis: urls.redis,
      zipkin: urls.zipkin,
      ...(prometheus === undefined ? {} : { prometheus }),
      adminEmail: admin.email,
      adminPassword: admin.password,
      processes: crew.list(),
    });
  crew.onChange(write);
  return write();
};
