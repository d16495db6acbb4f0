import { createBoundedMap } from '#platform/bounded-map';
import type { ClickHouse } from '#platform/clickhouse/client';
import { messageOf } from '#platform/errors';
import type { Component, Host } from '#platform/service-host';
import { endsWithin } from '#platform/waiting/deadline';
import { sleep } from '#platform/waiting/sleep';
import { type ErasedUser, typedWords } from './typed-words-store.js';

const lookEveryMs = 10 * 60_000;
const lookAgainMs = 30_000;
/** Longer than an access token can outlive its account, and rows their events. */
const settledAfterMs = 2 * 60 * 60_000;
/** How often a settled user is looked at again: `searches` has rows as late as the windowed job that writes them. */
const settledLookEveryMs = 24 * 60 * 60_000;
const usersKeptMax = 100_000;
/** A look that has begun takes as long as ClickHouse likes, and the next process looks again. */
const stopWaitMsMax = 1_000;

/**
 * Looks at its start and every ten minutes, after a failure sooner, for accounts that were erased, and takes out what their
 * owners typed. The first look does not wait, because a process that restarts more often than every ten minutes would
 * never look.
 */
export const createTypedWordsEraser = (
  host: Pick<Host, 'clock' | 'logger' | 'stopping'>,
  clickhouse: Pick<ClickHouse, 'query' | 'command' | 'database'>,
): Component & { look(): Promise<void> } => {
  /** Users of whom hardly anything can come any more, and when each is looked at again, epoch milliseconds. */
  const settled = createBoundedMap<number>(usersKeptMax);
  let running: Promise<void> = Promise.resolve();
  /** Why the last look failed. */
  let trouble: string | undefined;

  const eraseDue = async (): Promise<void> => {
    const nowMs = host.clock.nowMs();
    const isDue = ({ userId }: { userId: string }) => (settled.get(userId) ?? 0) <= nowMs;
    const users = (await typedWords.erasedUsers(clickhouse)).filter(isDue);
    const settle = (some: readonly ErasedUser[]) => {
      for (const { userId, erasedAtMs } of some)
        if (erasedAtMs < nowMs - settledAfterMs) settled.set(userId, nowMs + settledLookEveryMs);
    };
    const rows = await typedWords.erase(clickhouse, users, { onErased: settle });
    if (rows > 0) host.logger.info({ rows, users: users.length }, 'erased what people had typed');
  };

  const look = async (): Promise<void> => {
    try {
      await eraseDue();
      trouble = undefined;
    } catch (error) {
      trouble = messageOf(error);
      throw error;
    }
  };

  const run = async (): Promise<void> => {
    while (!host.stopping.aborted) {
      await look().catch((error: unknown) =>
        host.logger.warn({ err: error }, 'could not erase what people had typed'),
      );
      await sleep(trouble === undefined ? lookEveryMs : lookAgainMs, {
        signal: host.stopping,
        keepsAlive: false,
      });
    }
  };

  return {
    name: 'typed-words',
    look,
    start: async () => {
      running = run();
    },
    stop: async () => {
      await endsWithin(stopWaitMsMax, running);
    },
    checkHealth: async () =>
      trouble === undefined ? { status: 'up' } : { status: 'degraded', detail: trouble },
  };
};
