import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { variableOf } from '#platform/config';
import { scopes } from '#schemas/scopes';
import { topics } from '#schemas/topics';
import { folderOf, type Part, services, table } from '../services/table.js';
import { table as operations } from './access-table.js';

/** Compares files that cannot read services/table.ts with the table; a failure says what to do. */

type Container = { command?: string[]; environment?: Record<string, string> };
type Compose = { services: Record<string, Container>; 'x-environment': Record<string, string> };
type ScrapeConfig = { scrape_configs: { dns_sd_configs: { names: string[] }[] }[] };

const parts: readonly Part[] = table;
const read = (file: string) => readFileSync(file, 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;
const foldersIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}/${entry.name}`);

describe('services/table.ts', () => {
  it('has a line for every folder of services/ and stream-jobs/, and a folder for every line', () => {
    // The jobs' twins in SQL, which Flink runs.
    const folders = ['services', 'stream-jobs'].flatMap(foldersIn).filter((f) => f !== 'stream-jobs/flink');
    expect(parts.map(folderOf).sort(), 'the lines of services/table.ts').toEqual(folders.sort());
  });

  it('names each once, and each public path once', () => {
    const names = parts.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    const paths = parts.flatMap((part) => part.paths);
    expect(paths).toEqual([...new Set(paths)]);
    for (const { name, paths: own } of services) expect(own, `${name} has a public path`).not.toEqual([]);
  });

  it.each(parts)('names $name as its service.ts does', (part) => {
    const line = `name: '${part.name}'`;
    const wiring = ['service.ts', 'main.ts'].map((file) => read(`${folderOf(part)}/${file}`)).join('');
    expect(wiring.includes(line), `${folderOf(part)}/service.ts says ${line}`).toBe(true);
  });
});

describe('what runs the platform elsewhere', () => {
  const generate = 'run `npm run generate`';

  it.each(parts)('docker-compose.yml has a container for $name', (part) => {
    const { name } = part;
    const port = variableOf(name, 'PORT');
    const container = compose.services[name];
    expect(container?.command?.[1], generate).toBe(`dist/${folderOf(part)}/main.js`);
    expect(container?.environment, generate).toMatchObject({ [port]: '8080' });
  });

  it.each(parts)('docker-compose.yml says to the others where $name is', ({ name }) => {
    expect(compose['x-environment'][variableOf(name, 'URL')], generate).toBe(`http://${name}:8080`);
  });

  it('dashboards/prometheus.yml scrapes each of them', () => {
    const { scrape_configs: jobs } = parse(read('dashboards/prometheus.yml')) as ScrapeConfig;
    const scraped = jobs.flatMap(({ dns_sd_configs: found }) => found.flatMap(({ names }) => names));
    const names = parts.map(({ name }) => name);
    expect(scraped.sort(), generate).toEqual(names.sort());
  });

  it("ARCHITECTURE.md's drawing shows each of them, and each topic", () => {
    const drawing = /## Bird's eye\s+```([^`]+)```/.exec(read('ARCHITECTURE.md'))?.[1] ?? '';
    const shown = drawing.split(/[^\w-]+/);
    const names = [...parts.map(({ name }) => name), ...Object.values(topics).map(({ topic }) => topic)];
    const missing = names.filter((name) => !shown.includes(name));
    expect(missing, 'missing in the drawing of ARCHITECTURE.md').toEqual([]);
  });
});

it('schemas/scopes.ts has no scope that opens nothing, and one for each area that an operation with a scope has', () => {
  const opened = Object.keys(operations).flatMap((operation) => {
    const [, method, area] = /^([A-Z]+) \/api\/([a-z-]+)/.exec(operation) ?? [];
    return area === undefined ? [] : [`${area}:${method === 'GET' ? 'read' : 'write'}`];
  });
  expect(scopes.filter((scope) => !opened.includes(scope))).toEqual([]);
  const areas = new Set(scopes.map((scope) => scope.split(':')[0]));
  const areasWithout = opened.filter((scope) => !areas.has(scope.split(':')[0] ?? ''));
  expect(new Set(areasWithout.map((scope) => scope.split(':')[0]))).toEqual(
    new Set(['auth', 'users', 'api-keys']),
  );
});
