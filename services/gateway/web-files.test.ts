import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codingFor, readWebFiles } from './web-files.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cartstream-web-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the built files', () => {
  it('are read with their codings, and others are left out', () => {
    mkdirSync(join(folder, 'assets'));
    for (const [name, text] of [
      ['storefront.html', 'page'],
      ['storefront.html.br', 'small'],
      ['assets/app-1a2b.js', 'script'],
      ['.built-from', 'hash'],
    ] as const)
      writeFileSync(join(folder, name), text);
    const files = readWebFiles(folder);
    expect([...files.keys()].sort()).toEqual(['assets/app-1a2b.js', 'storefront.html']);
    expect(files.get('storefront.html')).toMatchObject({ isImmutable: false, contentType: /^text\/html/ });
    expect(files.get('storefront.html')?.codings.br?.toString()).toBe('small');
    expect(files.get('assets/app-1a2b.js')?.isImmutable).toBe(true);
  });

  it('are none where nothing was built', () => {
    expect(readWebFiles(join(folder, 'missing')).size).toBe(0);
  });
});

describe('the coding of an answer', () => {
  const codings = { identity: Buffer.from('whole'), br: Buffer.from('b'), gzip: Buffer.from('g') };
  it.each([
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip;q=1.0, br;q=0', 'gzip'],
    ['br;q=0.000,gzip;q=0', 'identity'],
    ['GZIP', 'gzip'],
    ['deflate', 'identity'],
    ['', 'identity'],
    [undefined, 'identity'],
  ])('for %j is %s', (accepted, coding) => {
    expect(codingFor(accepted, { codings })).toBe(coding);
  });

  it('is none that the file does not have', () => {
    expect(codingFor('br', { codings: { identity: Buffer.from('font') } })).toBe('identity');
  });
});
