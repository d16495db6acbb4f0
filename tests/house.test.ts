import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { topics } from '../schemas/topics.js';

/** A map check: what the documents promise of the tree is so. It counts no lines. */

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
  ...filesUnder('docs').filter((f) => f.endsWith('.md')),
];
const services = foldersIn('services');

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

  it('has every npm command that its documents name', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = documents.flatMap((document) =>
      [...read(document).matchAll(/npm (?:run (?:-s )?)([a-z:-]+)/g)].map(([, name]) => name as string),
    );
    expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([]);
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

  it('keeps shop nouns out of the platform', () => {
    const nouns =
      /\b(cart|customer|shopper|catalogue|price|payment|product|inventory)s?\b|orderId|Order[A-Z]/;
    const withoutComments = (code: string) => code.replace(/\/\*[\s\S]*?\*\/|(\/\/|--).*$/gm, '');
    const guilty = filesUnder('platform')
      .filter((file) => /\.(ts|sql)$/.test(file) && !/\.test\.ts$/.test(file))
      .filter((file) => nouns.test(withoutComments(read(file))));
    expect(guilty).toEqual([]);
  });

  it('names no machine and no registry mirror', () => {
    const lock = read('package-lock.json');
    expect(lock).not.toMatch(/"resolved":/);
  });
});
