import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchBacklog } from '#platform/outbox/backlog';
import { testHost } from '#platform/testing/test-host';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A backlog over an outbox with as many rows as the test says. */
const watched = () => {
  const outbox = { rows: 0, asked: 0 };
  const query = async () => {
    outbox.asked += 1;
    return { rows: [{ rows: outbox.rows, oldest_ms: 0 }], rowCount: 1 };
  };
  const backlog = watchBacklog(testHost(), { query } as never, 10_000);
  return { outbox, backlog };
};

it('counts what was appended before the notices of appends began', async () => {
  const { outbox, backlog } = watched();
  backlog.start();
  await vi.advanceTimersByTimeAsync(100);
  expect(backlog.unpublished()).toBe(0);
  outbox.rows = 2;
  backlog.notesAppends(true);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(backlog.unpublished()).toBe(2);
  backlog.stop();
});

it('asks seldom while every append is noted and there was none, and soon after one', async () => {
  const { outbox, backlog } = watched();
  backlog.start();
  backlog.notesAppends(true);
  await vi.advanceTimersByTimeAsync(5_000);
  const before = outbox.asked;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(outbox.asked).toBe(before);
  outbox.rows = 1;
  backlog.noteAppended();
  await vi.advanceTimersByTimeAsync(4_000);
  expect(backlog.unpublished()).toBe(1);
  backlog.stop();
});

it('asks every few seconds while nobody notes appends', async () => {
  const { outbox, backlog } = watched();
  backlog.start();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(outbox.asked).toBeGreaterThan(4);
  backlog.stop();
});
