import { expect, it } from 'vitest';
import { unprivileged } from './embedded.js';

it('PostgreSQL of a user who is not root is started as it is', () => {
  expect(unprivileged(false, ['false'])).toEqual([]);
});

it('root goes another way where that works', () => {
  expect(unprivileged(true, ['env', 'A=b'])).toEqual(['env', 'A=b']);
});

it.each([['false'], ['no-such-program']])('root is refused in one line where %s forbids it', (program) => {
  expect(() => unprivileged(true, [program])).toThrow(/^PostgreSQL does not run as root, .* DATABASE_URL$/);
});
