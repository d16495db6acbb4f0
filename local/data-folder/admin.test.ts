import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { adminOf } from './admin.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cartstream-admin-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('the administrator keeps the password, which only the owner of the folder can read', () => {
  expect(adminOf(dir)).toEqual(adminOf(dir));
  expect(statSync(join(dir, 'admin.json')).mode & 0o777).toBe(0o600);
});

it.each(['', '{"email":', 'null', '{"email":"admin@cartstream.local"}'])(
  'a file that a full disk or a kill has left as %j is made anew',
  (content) => {
    writeFileSync(join(dir, 'admin.json'), content);
    const admin = adminOf(dir);
    expect(admin).toEqual({ email: 'admin@cartstream.local', password: expect.stringMatching(/^.{16}$/) });
    expect(adminOf(dir)).toEqual(admin);
  },
);
