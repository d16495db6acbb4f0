import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { unprivileged } from './embedded.js';

it('PostgreSQL of a user who is not root is started as it is', () => {
  expect(unprivileged(false, [['false']])).toEqual([]);
});

it('root goes the first way that works', () => {
  const ways = [['false'], ['no-such-program'], ['env', 'A=b'], ['env', 'A=c']] as const;
  expect(unprivileged(true, ways)).toEqual(['env', 'A=b']);
});

it('root takes no id without an account, whose name initdb would look up', ({ skip }) => {
  const as = (id: number) => ['unshare', '-U', `--map-user=${id}`, `--map-group=${id}`] as const;
  skip(spawnSync('unshare', ['-U', 'true']).status !== 0, 'unshare is forbidden here');
  expect(unprivileged(true, [as(4_000_000_000), as(1)])).toEqual(as(1));
});

it.each([['false'], ['no-such-program']])('root is refused in one line where %s forbids it', (program) => {
  expect(() => unprivileged(true, [[program]])).toThrow(/^PostgreSQL does not run as root, .* DATABASE_URL$/);
});
