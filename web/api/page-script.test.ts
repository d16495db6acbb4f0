import { afterEach, expect, it, vi } from 'vitest';
import { pageScript } from './page-script.ts';
import { Unreachable } from './problem.ts';

afterEach(() => vi.unstubAllGlobals());

const missing = new TypeError('Failed to fetch dynamically imported module: /assets/page-1.js');
const load = pageScript(() => Promise.reject(missing));

it('a script that is missing where the shop answers is missing', async () => {
  vi.stubGlobal('fetch', async () => new Response(null));
  await expect(load()).rejects.toBe(missing);
});

it('a script that is missing where the shop does not answer is the fault of the network', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
  await expect(load()).rejects.toBeInstanceOf(Unreachable);
});
