import { describe, expect, test } from 'vitest';
import { createAdmission } from '#platform/waiting/admission';
import { createAllowance } from '#platform/waiting/allowance';
import { backoffMs } from '#platform/waiting/backoff';
import { createBell } from '#platform/waiting/bell';
import { createCollector } from '#platform/waiting/collector';
import { endsWithin, within } from '#platform/waiting/deadline';
import { createKeyedBells } from '#platform/waiting/keyed-bells';
import { sleep } from '#platform/waiting/sleep';
import { createSpacing } from '#platform/waiting/spacing';
import { createWorkLoop } from '#platform/waiting/work-loop';

const never = new Promise<never>(() => {});

describe('backoff', () => {
  test('doubles from the least to the most, also after very many failures', () => {
    const rest = { minMs: 100, maxMs: 1_000 };
    expect([0, 1, 2, 3, 4, 5, 5_000].map((failures) => backoffMs(rest, failures))).toEqual([
      100, 100, 200, 400, 800, 1_000, 1_000,
    ]);
  });

  test('spreads by the jitter to both sides', () => {
    const rest = { minMs: 100, maxMs: 1_000, jitter: 0.2 };
    expect(backoffMs({ ...rest, random: () => 0 }, 1)).toBeCloseTo(80);
    expect(backoffMs({ ...rest, random: () => 0.5 }, 1)).toBeCloseTo(100);
    expect(backoffMs({ ...rest, random: () => 1 }, 1)).toBeCloseTo(120);
  });
});

describe('deadline', () => {
  test('passes an outcome on, and becomes a retriable fault of the code given when it is late', async () => {
    await expect(within(1_000, Promise.resolve(7))).resolves.toBe(7);
    await expect(within(1_000, Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(within(1, never, { code: 'broker_unavailable', what: 'no word' })).rejects.toMatchObject({
      code: 'broker_unavailable',
      retriable: true,
      message: 'no word in 1 ms',
    });
  });

  test('says whether work ended in time, also when it failed', async () => {
    await expect(endsWithin(1_000, Promise.resolve())).resolves.toBe(true);
    await expect(endsWithin(1_000, Promise.reject(new Error('no')))).resolves.toBe(true);
    await expect(endsWithin(1, never)).resolves.toBe(false);
  });
});

describe('sleep', () => {
  test('ends when its signal is aborted, before or while it waits', async () => {
    await sleep(60_000, { signal: AbortSignal.abort() });
    const controller = new AbortController();
    const asleep = sleep(60_000, { signal: controller.signal });
    controller.abort();
    await asleep;
  });
});

describe('bell', () => {
  test('keeps one ring for the next wait, and ends the wait in progress', async () => {
    const bell = createBell();
    bell.ring();
    bell.ring();
    await bell.wait(60_000);
    const waiting = bell.wait(60_000);
    bell.ring();
    await waiting;
    expect(await endsWithin(5, bell.wait(60_000))).toBe(false);
  });
});

describe('admission', () => {
  test('lets no more than its places run, in the order of the calls, also after a failure', async () => {
    const admission = createAdmission(2);
    const order: number[] = [];
    const open: Array<() => void> = [];
    const work = (n: number) =>
      admission.run(async () => {
        order.push(n);
        await new Promise<void>((resolve) => open.push(resolve));
        if (n === 1) throw new Error('no');
      });
    const all = [1, 2, 3, 4].map((n) => work(n).catch(() => {}));
    await sleep(0);
    expect([order, admission.running, admission.waiting]).toEqual([[1, 2], 2, 2]);
    open.shift()?.();
    await all[0];
    await sleep(0);
    expect(order).toEqual([1, 2, 3]);
    for (let left = 3; left > 0; left -= 1) {
      open.shift()?.();
      await sleep(0);
    }
    await Promise.all(all);
    expect([admission.running, admission.waiting]).toEqual([0, 0]);
  });
});

describe('an allowance', () => {
  test('allows so many in each second', () => {
    let nowMs = 10_500;
    const allowance = createAllowance(2, () => nowMs);
    const take = () => [1, 2, 3].map(() => allowance.take());
    expect(take()).toEqual([true, true, false]);
    nowMs = 10_999;
    expect(take()).toEqual([false, false, false]);
    nowMs = 11_000;
    expect(take()).toEqual([true, true, false]);
    expect(createAllowance(0).take()).toBe(false);
  });
});

describe('spacing', () => {
  test('lets the first begin at once and the next ones that far apart', async () => {
    let nowMs = 1_000;
    const waits: number[] = [];
    const wait = async (ms: number): Promise<void> => {
      waits.push(ms);
      nowMs += ms;
    };
    const spacing = createSpacing(30, { monotonicMs: () => nowMs, wait });
    await spacing.next();
    expect(waits).toEqual([]);
    await spacing.next();
    nowMs += 10;
    await spacing.next();
    expect(waits).toEqual([30, 20]);
    nowMs += 30;
    await spacing.next();
    expect(waits).toEqual([30, 20]);
  });
});

describe('keyed bells', () => {
  test('wake who waits for that key, and others only after their time or at the end', async () => {
    const bells = createKeyedBells({ waitersMax: 3 });
    const woken: string[] = [];
    const wait = (name: string, key: string, waitMs = 60_000, signal?: AbortSignal) =>
      bells.wait(key, waitMs, signal).then(() => woken.push(name));
    const ending = new AbortController();
    const waits = [wait('a1', 'a'), wait('a2', 'a'), wait('b', 'b', 60_000, ending.signal)];
    expect(await bells.wait('b', 60_000)).toBe(false);
    await wait('beyond the bound', 'b');
    expect(woken).toEqual(['beyond the bound']);
    bells.ring('a');
    await Promise.all(waits.slice(0, 2));
    expect(woken).toEqual(['beyond the bound', 'a1', 'a2']);
    ending.abort();
    await waits[2];
    await wait('late', 'c', 1);
    const last = wait('last', 'd');
    bells.ringAll();
    await last;
    expect(woken.slice(3)).toEqual(['b', 'late', 'last']);
  });
});

describe('the bell of one key', () => {
  test('has its own bound, and leaves the other places to others', async () => {
    const bells = createKeyedBells({ waitersMax: 10, ofKeyMax: 2 });
    const ofA = [bells.wait('a', 60_000), bells.wait('a', 60_000)];
    expect(await bells.wait('a', 60_000)).toBe(false);
    const ofB = bells.wait('b', 60_000);
    bells.ringAll();
    expect(await Promise.all([...ofA, ofB])).toEqual([true, true, true]);
  });
});

describe('the places of one owner', () => {
  test('are as many as it may have, for however many keys, and are free again after its waits', async () => {
    const bells = createKeyedBells({ waitersMax: 10, ofOwnerMax: 2, ofNobodyMax: 3 });
    const wait = (key: string, owner?: string) => bells.wait(key, 60_000, undefined, owner);
    const ofAda = [wait('a', 'ada'), wait('b', 'ada')];
    expect(await wait('c', 'ada')).toBe(false);
    const ofBob = [wait('a', 'bob'), wait('b', 'bob')];
    const ofNobody = [wait('c'), wait('d'), wait('e')];
    expect(await wait('f')).toBe(false);
    bells.ring('a');
    expect(await Promise.all([ofAda[0], ofBob[0]])).toEqual([true, true]);
    ofAda.push(wait('c', 'ada'));
    expect(await wait('d', 'ada')).toBe(false);
    bells.ringAll();
    expect(new Set(await Promise.all([...ofAda, ...ofBob, ...ofNobody]))).toEqual(new Set([true]));
  });
});

describe('a collector', () => {
  test('has what comes together handled together, and what comes meanwhile after it', async () => {
    const pieces: number[][] = [];
    let finish: () => void = () => {};
    const collect = createCollector<number>((waiting) => {
      pieces.push(waiting.splice(0, 3));
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    for (const item of [1, 2, 3, 4]) collect(item);
    expect(pieces).toEqual([]);
    await new Promise(setImmediate);
    expect(pieces).toEqual([[1, 2, 3]]);
    collect(5);
    finish();
    await new Promise(setImmediate);
    expect(pieces).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
    finish();
    await new Promise(setImmediate);
    collect(6);
    await new Promise(setImmediate);
    expect(pieces.at(-1)).toEqual([6]);
  });
});

describe('a work loop', () => {
  test('works again at once while there may be more, else at the next ring, and ends with its work', async () => {
    let left = 3;
    let runs = 0;
    const failures: unknown[] = [];
    const rested = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<void>();
    const loop = createWorkLoop({
      restMs: 60_000,
      work: async () => {
        runs += 1;
        if (left < 0) throw new Error('nothing is left');
        left -= 1;
        if (left === 0) rested.resolve();
        return left > 0;
      },
      onFailure: (error) => {
        failures.push(error);
        failed.resolve();
      },
    });
    await loop.start();
    await rested.promise;
    await new Promise(setImmediate);
    expect(runs).toBe(3);
    left = -1;
    loop.ring();
    await failed.promise;
    await loop.stop();
    expect([runs, failures]).toEqual([4, [new Error('nothing is left')]]);
  });
});
