import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSessionNiceness, nicenessOf } from './session-niceness.js';

const held = () => {
  let release = (): void => {};
  const work = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { work: () => work, release: () => release() };
};

describe('the niceness of the session', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is that of the least nice statement that runs', async () => {
    const written: number[] = [];
    const session = createSessionNiceness((niceness) => written.push(niceness) > 0);
    const [question, insert] = [held(), held()];
    const asked = session.during(19, question.work);
    expect(written).toEqual([19]);
    const inserted = session.during(0, insert.work);
    expect(written).toEqual([19, 0]);
    insert.release();
    await inserted;
    expect(written).toEqual([19, 0, 19]);
    question.release();
    await asked;
    expect(written).toEqual([19, 0, 19, 0]);
  });

  it('is written again after the kernel has refused it for now', async () => {
    const written: number[] = [];
    let refuses = false;
    const session = createSessionNiceness((niceness) => !refuses && written.push(niceness) > 0);
    const question = held();
    const asked = session.during(19, question.work);
    refuses = true;
    question.release();
    await asked;
    expect(written).toEqual([19]);
    vi.advanceTimersByTime(100);
    refuses = false;
    vi.advanceTimersByTime(100);
    expect(written).toEqual([19, 0]);
  });

  it('goes back when a statement fails', async () => {
    const written: number[] = [];
    const session = createSessionNiceness((niceness) => written.push(niceness) > 0);
    await expect(
      session.during(19, async () => {
        throw new Error('refused');
      }),
    ).rejects.toThrow('refused');
    expect(written).toEqual([19, 0]);
  });

  it('is read from the settings of a statement', () => {
    expect(nicenessOf({ sql: 'SELECT 1 SETTINGS max_threads = 1, os_thread_priority = 19' })).toBe(19);
    expect(nicenessOf({ sql: 'SELECT 1' })).toBe(0);
  });
});
