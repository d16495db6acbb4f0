import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { records } from '../schemas/events.js';
import { topics } from '../schemas/topics.js';
import { plantedBugs } from '../scripts/planted-bugs/bugs.js';
import { clickhouseIngestConfig } from '../stream-jobs/clickhouse-ingest/config.js';
import { feeds } from '../stream-jobs/clickhouse-ingest/feeds.js';
import { windowsConfig } from '../stream-jobs/windows/config.js';
import { published } from '../stream-jobs/windows/topic-sink.js';

/** Checks what the documents say about the tree. It counts no lines. */

const filesUnder = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const foldersIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

const read = (file: string) => readFileSync(file, 'utf8');
const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'benchmarks/README.md',
  'local/catalogue/README.md',
  ...filesUnder('docs').filter((f) => f.endsWith('.md')),
];
const services = foldersIn('services');
const codeFolders = [
  'platform',
  'recommenders',
  'schemas',
  'services',
  'stream-jobs',
  'local',
  'scripts',
  'tests',
  'benchmarks',
];
const codeFiles = codeFolders.flatMap(filesUnder).filter((file) => /\.[jt]s$/.test(file));
const decisions = filesUnder('docs/adr')
  .map((file) => basename(file))
  .filter((file) => file !== 'README.md');

describe('the house', () => {
  it('has every file and folder that its documents link to', () => {
    const missing = documents.flatMap((document) =>
      [...read(document).matchAll(/\]\(((?!https?:|#)[^)#\s]+)/g)]
        .map(([, target]) => target as string)
        .filter((target) => !existsSync(join(document, '..', target)))
        .map((target) => `${document}: ${target}`),
    );
    expect(missing).toEqual([]);
  });

  it('gives every decision a number of its own, which its heading repeats', () => {
    const numbers = decisions.map((file) => Number(file.slice(0, 4)));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(decisions.map((_, index) => index + 1));
    const list = read('docs/adr/README.md');
    for (const file of decisions) {
      const heading = read(join('docs/adr', file)).split('\n', 1)[0] ?? '';
      expect(heading, file).toMatch(new RegExp(`^# ${Number(file.slice(0, 4))}\\. `));
      expect(list).toContain(`[${heading.slice(2)}](${file})`);
    }
  });

  it('numbers the migrations of each folder from 1 without gaps, none twice', () => {
    const folders = new Map<string, number[]>();
    for (const file of [...codeFolders, 'clickhouse'].flatMap(filesUnder)) {
      const [, folder, number] = /^(.*migrations)\/(\d{4})-[^/]+\.sql$/.exec(file) ?? [];
      if (folder !== undefined) folders.set(folder, [...(folders.get(folder) ?? []), Number(number)]);
    }
    expect(folders.size).toBeGreaterThan(10);
    for (const [folder, numbers] of folders)
      expect(
        numbers.toSorted((a, b) => a - b),
        folder,
      ).toEqual(numbers.map((_, index) => index + 1));
  });

  it('has every name that ARCHITECTURE.md says is in a file', () => {
    const signposts = [...read('ARCHITECTURE.md').matchAll(/`(\w+)`[^`|[\n]* in \[[^\]]*\]\(([^)]+)\)/g)];
    expect(signposts.length).toBeGreaterThan(50);
    const wrong = signposts.filter(
      ([, name, file]) => !new RegExp(`\\b${name}\\b`).test(read(file as string)),
    );
    expect(wrong.map(([text]) => text)).toEqual([]);
  });

  it('has every decision that its documents and its code name', () => {
    const missing = [...documents, ...codeFiles].flatMap((file) =>
      [...read(file).matchAll(/\bADR (\d+)(?:\]\(([^)]+)\))?/g)]
        .filter(([, number, link]) => {
          const named = String(number).padStart(4, '0');
          return link === undefined
            ? !decisions.some((decision) => decision.startsWith(named))
            : !basename(link).startsWith(named);
        })
        .map(([text]) => `${file}: ${text}`),
    );
    expect(missing).toEqual([]);
  });

  it('has every npm command that its documents name', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = documents.flatMap((document) =>
      [...read(document).matchAll(/npm (?:run (?:-s )?)([a-z:-]+)/g)].map(([, name]) => name as string),
    );
    expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([]);
  });

  it('lists every command and every benchmark in docs/commands.md', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const benchmarks = [...read('benchmarks/run.ts').matchAll(/^ {2}(\w+): async/gm)].map(
      ([, name]) => `bench ${name}`,
    );
    const list = read('docs/commands.md');
    const named = (command: string) => new RegExp(`npm (run (-s )?)?${command}\\b`).test(list);
    expect(benchmarks.length).toBeGreaterThan(10);
    expect([...Object.keys(scripts), ...benchmarks].filter((command) => !named(command))).toEqual([]);
  });

  it('gives every service the same face', () => {
    for (const service of services)
      for (const file of ['main.ts', 'service.ts', 'config.ts'])
        expect(existsSync(join('services', service, file)), `services/${service}/${file}`).toBe(true);
  });

  it('has a folder of schemas for every topic, and a topic for every folder', () => {
    expect(foldersIn('schemas').sort()).toEqual(
      Object.values(topics)
        .map(({ topic }) => topic as string)
        .sort(),
    );
  });

  it('names no file after nothing in particular', () => {
    const vague = codeFiles.filter((file) => /\b(utils?|helpers?|common|manager)\b/i.test(file));
    expect(vague).toEqual([]);
  });

  it('says report and receive, not tell and hear', () => {
    const quaint = /\b(tells?|told|hears?|heard|believe[sd]?)\b/i;
    const writtenForReaders = [
      ...documents.filter((file) => file !== 'CONTRIBUTING.md'),
      ...codeFiles.filter((file) => !/\.test\.ts$|\.contract\.ts$|^tests/.test(file)),
    ];
    expect(writtenForReaders.filter((file) => quaint.test(read(file)))).toEqual([]);
  });

  it('sleeps in one way only', () => {
    const byHand = codeFiles
      .filter((file) => /^(platform|services|stream-jobs|tests)/.test(file))
      .filter((file) => !file.startsWith(join('platform', 'waiting')))
      .filter((file) => /new Promise\(\((\w+)\) => setTimeout\(\1,/.test(read(file)));
    expect(byHand).toEqual([]);
  });

  it('skips a test only with its reason, and prints no errors that a test expects', () => {
    const tests = codeFiles.filter((file) => /(\.test|\.contract)\.ts$|^tests|\/testing\//.test(file));
    const silently = /\b(test|it|describe)\.(skip|todo)\b|\.(skipIf|runIf)\(/;
    expect(tests.filter((file) => silently.test(read(file)))).toEqual([]);
    const aloud = /createLogger\((?![^)]*(silent|fatal|destination))/;
    expect(tests.filter((file) => aloud.test(read(file)))).toEqual([]);
  });

  it('keeps shop nouns out of the platform', () => {
    const nouns =
      /\b(cart|customer|shopper|catalogue|price|payment|product|inventory|basket|refund|sale)s?\b|\border (id|line|placed|status)s?\b/i;
    const withoutComments = (code: string) => code.replace(/\/\*[\s\S]*?\*\/|(\/\/|--).*$/gm, '');
    // `productId` and `order_id` name a shop's nouns too.
    const inWords = (code: string) => withoutComments(code).replace(/([a-z])(?=[A-Z])|_/g, '$1 ');
    const guilty = filesUnder('platform')
      .filter((file) => /\.(ts|sql)$/.test(file) && !/\.test\.ts$/.test(file))
      .filter((file) => nouns.test(inWords(read(file))));
    expect(guilty).toEqual([]);
  });

  it('can plant every bug: the text to break stands exactly once', () => {
    const lost = plantedBugs.flatMap(({ name, edits }) =>
      edits
        .filter(({ file, find }) => read(file).split(find).length !== 2)
        .map(({ file }) => `${name}: ${file}`),
    );
    expect(lost).toEqual([]);
  });

  it('says in the run book how to delete the rows that the windows write again, and the blocks that had them', () => {
    const ofWindows = published.map((type) => records[type].topic as string);
    const written = feeds.filter(({ topic }) => ofWindows.includes(topic));
    expect(written.length).toBeGreaterThan(0);
    const runBook = read('docs/run-book.md');
    const [blocks = ''] = /INSERT INTO ingest_blocks[^;]+/.exec(runBook) ?? [];
    const isSaid = ({ table, topic }: (typeof feeds)[number]) =>
      runBook.includes(`ALTER TABLE ${table} DELETE`) && blocks.includes(`'${topic}'`);
    expect(written.filter((feed) => !isSaid(feed)).map(({ table }) => table)).toEqual([]);
  });

  it('names in its documents the consumer groups that there are', () => {
    const groups = [clickhouseIngestConfig, windowsConfig].map(({ settings }) =>
      settings.group[1].parse(undefined),
    );
    const named = documents.flatMap((document) =>
      [...read(document).matchAll(/group="([^"]*)"/g)].map(([, group]) => `${group}`),
    );
    expect(named).toEqual(expect.arrayContaining(groups));
    expect(named.filter((group) => !groups.includes(group))).toEqual([]);
  });

  it('names no machine and no registry mirror', () => {
    const lock = read('package-lock.json');
    expect(lock).not.toMatch(/"resolved":/);
  });
});
