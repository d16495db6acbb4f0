import type { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { anythingChanged, encodeCatalogueChange } from '#schemas/catalogue-changes';
import { createAnnouncer } from './announcement-worker.js';

it('makes up for what may have got lost: at the start, and as soon as Redis takes announcements again', async () => {
  const published: string[] = [];
  let isAway = false;
  const client = { publish: async (_channel: string, text: string) => published.push(text) };
  const orElse = async <T>(command: (client: Redis) => Promise<T>, fallback: T): Promise<T> =>
    isAway ? fallback : command(client as unknown as Redis);
  const announcer = createAnnouncer({ stopping: new AbortController().signal }, { orElse });
  await announcer.start?.();
  await eventually(() => expect(published).toEqual([anythingChanged]));

  const change = { productIds: ['a'], isListed: false };
  announcer.announce(change);
  await eventually(() => expect(published.slice(1)).toEqual([encodeCatalogueChange(change)]));

  isAway = true;
  announcer.announce(change);
  announcer.announce(change);
  await new Promise(setImmediate);
  isAway = false;
  await eventually(() => expect(published.slice(2)).toEqual([anythingChanged]), { timeoutMs: 5_000 });
});
