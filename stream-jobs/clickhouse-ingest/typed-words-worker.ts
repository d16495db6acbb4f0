import { createBoundedMap } from '#platform/bounded-map';
import type { ClickHouse } from '#platform/clickhouse/client';
import type { Component, Host } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import { typedWords } from './typed-words-store.js';

const lookEveryMs = 10 * 60_000;
/** Longer than an access token can outlive its account, and rows their events. */
const settledAfterMs = 2 * 60 * 60_000;
const usersKeptMax = 100_000;

/** Looks every ten minutes for accounts that were erased, and takes out what their owners typed. */
export const createTypedWordsEraser = (
  host: Pick<Host, 'clock' | 'logger' | 'stopping'>,
  clickhouse: Pick<ClickHouse, 'query' | 'command' | 'database'>,
): Component & { look(): Promise<void> } => {
  /** Users of whom nothing can come any more. */
  const settled = createBoundedMap<true>(usersKeptMax);
  let running: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    const users = (await typedWords.erasedUsers(clickhouse)).filter(({ userId }) => !settled.get(userId));
    if (users.length === 0) return;
    const rows = await typedWords.erase(
      clickhouse,
      users.map(({ userId }) => userId),
    );
    if (rows > 0) host.logger.info({ rows, users: users.length }, 'erased what people had typed');
    const settledBeforeMs = host.clock.nowMs() - settledAfterMs;
    for (const { userId, erasedAtMs } of users) if (erasedAtMs < settledBeforeMs) settled.set(userId, true);
  };

  const run = async (): Promise<void> => {
    while (!host.stopping.aborted) {
      await sleep(lookEveryMs, { signal: host.stopping, keepsAlive: false });
      if (host.stopping.aborted) return;
      await look().catch((error: unknown) =>
        host.logger.warn({ err: error }, 'could not erase what people had typed'),
      );
    }
  };

  return {
    name: 'typed-words',
    look,
    start: async () => {
      running = run();
    },
    stop: async () => {
      await running;
    },
  };
};
