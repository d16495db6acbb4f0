import { homedir } from 'node:os';
import { expect, it } from 'vitest';
import { cacheDir } from './cache.js';

it.each([
  [{ CARTSTREAM_CACHE: '/tmp/cache' }, '/tmp/cache'],
  [{ CARTSTREAM_CACHE: 'cache', INIT_CWD: '/home/ada' }, '/home/ada/cache'],
  [{ CARTSTREAM_CACHE: 'cache' }, `${process.cwd()}/cache`],
  [{ XDG_CACHE_HOME: '/tmp/xdg' }, '/tmp/xdg/cartstream'],
  [{}, `${homedir()}/.cache/cartstream`],
])('the cache of %j is %s: engines that start elsewhere find it', (env, folder) => {
  expect(cacheDir(env)).toBe(folder);
});
