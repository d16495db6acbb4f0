import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filesIn } from './arguments.js';

it('looks for files in the folder in which npm was called', ({ onTestFinished }) => {
  const folder = mkdtempSync(join(tmpdir(), 'cartstream-batch-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const name of ['e', 'q', 'p']) writeFileSync(join(folder, name), '');
  const args = ['--events', 'e', '--queries', 'q', '--out', 'o'];
  const [events, queries, products] = ['e', 'q', 'p'].map((name) => join(folder, name));
  const found = { events, queries, out: join(folder, 'o'), products: undefined };
  expect(filesIn(args, { INIT_CWD: folder })).toEqual(found);
  expect(filesIn([...args, '--products', products ?? ''], { INIT_CWD: folder })).toEqual({
    ...found,
    products,
  });
  expect(() => filesIn(args, { INIT_CWD: join(folder, 'q') })).toThrow('there is no file e');
  expect(() => filesIn(args.slice(2), { INIT_CWD: folder })).toThrow('are required');
  expect(() => filesIn([...args, '--more'], { INIT_CWD: folder })).toThrow("'--more'");
});
