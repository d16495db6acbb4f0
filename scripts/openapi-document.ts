import { trace } from '@opentelemetry/api';
import { loadConfig } from '#platform/config';
import type { OpenApiDocument } from '#platform/http/openapi';
import { type Component, createHost, type RunnableHost, type Service } from '#platform/service-host';
import { createLogger } from '#platform/telemetry/logger';
import { createMetrics } from '#platform/telemetry/metrics';
import { variableOf } from '../platform/config.js';
import { folderOf, services, table } from '../services/table.js';

/** Addresses where nothing listens: services are wired and only their HTTP fronts are started. */
const nowhere = {
  KAFKA_BROKERS: '127.0.0.1:1',
  SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
  CLICKHOUSE_URL: 'http://127.0.0.1:1',
  DATABASE_URL: 'postgres://nobody@127.0.0.1:1',
  REDIS_URL: 'redis://127.0.0.1:1',
};

/** The document that the gateway serves for all services, made without any engine. */
export const mergedOpenApiDocument = async (): Promise<OpenApiDocument> => {
  const fronts: Front[] = [];
  try {
    const urls: Record<string, string> = Object.fromEntries(
      ['USER', 'ORDER', 'INVENTORY', 'WINDOWS'].map((name) => [`${name}_URL`, 'http://127.0.0.1:1']),
    );
    for (const part of services) {
      const front = await startFront(folderOf(part), part.name, { ...nowhere, ...urls });
      fronts.push(front);
      urls[variableOf(part.name, 'URL')] = front.url;
    }
    const gateway = table.find(({ kind }) => kind === 'gateway');
    if (gateway === undefined) throw new Error('no gateway in services/table.ts');
    const front = await startFront(folderOf(gateway), gateway.name, { ...nowhere, ...urls });
    fronts.push(front);
    const document = (await (await fetch(`${front.url}/openapi.json`)).json()) as OpenApiDocument & {
      'x-missing-services'?: string[];
    };
    const missing = document['x-missing-services'] ?? [];
    if (missing.length > 0) throw new Error(`the document has no part of ${missing.join(', ')}`);
    return document;
  } finally {
    for (const front of fronts.reverse()) await front.stop();
  }
};

type Front = { url: string; stop(): Promise<void> };

const startFront = async (
  folder: string,
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<Front> => {
  const { service } = (await import(`../${folder}/service.js`)) as { service: Service };
  const host = frontOnly(name);
  await service.build(loadConfig(service.config, { ...env, [variableOf(name, 'PORT')]: '0' }) as never, host);
  await host.start();
  return { url: host.front().url, stop: () => host.stop() };
};

/** A host that starts the HTTP front of a service and none of its other parts. */
const frontOnly = (service: string): RunnableHost & { front(): { url: string } } => {
  const host = createHost({
    service,
    logger: createLogger(service, { level: 'silent' }),
    metrics: createMetrics(service),
    tracer: trace.getTracer(service),
    onFatal: (error) => {
      throw error;
    },
  });
  let front: (Component & { url?: string }) | undefined;
  const use = host.use;
  host.use = (part) => {
    if (part.isFront !== true) return part;
    front = part;
    return use(part);
  };
  return Object.assign(host, {
    front: () => {
      if (front?.url === undefined) throw new Error(`${service} has no HTTP front`);
      return { url: front.url };
    },
  });
};
