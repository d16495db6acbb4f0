import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { inJointTransaction } from '#platform/postgres/joint-transactions';
import { answeringPool } from '#platform/testing/answering-pool';

const transactionsMax = 2;
const waitingMax = 1_000;
const waitMsMax = 5_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** A database whose transactions are all taken, until `release`, by works that hang. */
const hanging = async () => {
  const db = answeringPool();
  const latch = Promise.withResolvers<void>();
  const hung: Promise<void>[] = [];
  for (let n = 0; n < transactionsMax; n += 1)
    await new Promise<void>((begin) => {
      const work = (): Promise<void> => {
        begin();
        return latch.promise;
      };
      hung.push(inJointTransaction(db, work));
    });
  const release = async (): Promise<void> => {
    latch.resolve();
    await Promise.all(hung);
  };
  return { db, release };
};

const refusal = expect.objectContaining({ code: 'postgres_unavailable', retriable: true });

/** A work that is handed in, and what became of it so far. */
const handIn = (db: Parameters<typeof inJointTransaction>[0], work: () => void) => {
  const outcome: { error?: unknown; isDone?: true } = {};
  const ended = inJointTransaction(db, async () => work()).then(
    () => {
      outcome.isDone = true;
    },
    (error: unknown) => {
      outcome.error = error;
    },
  );
  return { outcome, ended };
};

describe('works that wait for a database that hangs', () => {
  it('are refused when they have waited too long, and what was refused is not done afterwards', async () => {
    const { db, release } = await hanging();
    const done: string[] = [];
    const early = handIn(db, () => done.push('early'));
    await vi.advanceTimersByTimeAsync(waitMsMax - 1);
    const late = handIn(db, () => done.push('late'));
    expect(early.outcome).toEqual({});
    await vi.advanceTimersByTimeAsync(1);
    expect(early.outcome).toEqual({ error: refusal });
    await release();
    await late.ended;
    await handIn(db, () => done.push('last')).ended;
    expect(done).toEqual(['late', 'last']);
  });

  it('are refused at once when too many wait already; those are done when it goes on', async () => {
    const { db, release } = await hanging();
    let done = 0;
    const waiting = Array.from({ length: waitingMax }, () => handIn(db, () => (done += 1)));
    const refused = handIn(db, () => (done += 1));
    await vi.advanceTimersByTimeAsync(0);
    expect(refused.outcome).toEqual({ error: refusal });
    await release();
    await Promise.all(waiting.map(({ ended }) => ended));
    expect(done).toBe(waitingMax);
  });
});
