import { expect, test } from 'vitest';
import { createBoundedClaim, createLoopClaims, createLoopShare, giveWay } from '#platform/waiting/loop-share';

const loop = () => {
  const spent = { active: 0, idle: 0 };
  const sample = ((before?: { active: number; idle: number }) => {
    const [active, idle] = [spent.active - (before?.active ?? 0), spent.idle - (before?.idle ?? 0)];
    return { active, idle, utilization: active + idle === 0 ? 0 : active / (active + idle) };
  }) as Parameters<typeof createLoopShare>[0];
  return {
    share: createLoopShare(sample),
    spend: (active: number, idle: number) => {
      spent.active += active;
      spent.idle += idle;
    },
  };
};

test('the busy share is that of the last time that is long enough to say', () => {
  const { share, spend } = loop();
  expect(share()).toBe(0);
  spend(90, 10);
  expect(share()).toBeCloseTo(0.9);
  spend(0, 40);
  expect(share()).toBeCloseTo(0.9);
  spend(0, 20);
  expect(share()).toBe(0);
});

test('work gives way while the loop is busy, and only then', async () => {
  const rests: number[] = [];
  const wait = async (ms: number): Promise<void> => void rests.push(ms);
  await giveWay(30, { share: () => 0.5, wait });
  expect(rests).toEqual([]);
  await giveWay(30, { share: () => 0.95, wait });
  expect(rests).toEqual([30]);
});

test('work gives way as long as the loop is claimed, but not for ever', async () => {
  let nowMs = 0;
  const wait = async (ms: number): Promise<void> => {
    nowMs += ms;
  };
  const { claim, isClaimed } = createLoopClaims(() => nowMs);
  const rested = async (): Promise<number> => {
    const fromMs = nowMs;
    await giveWay(200, { share: () => 0, wait, isClaimed });
    return nowMs - fromMs;
  };
  expect(await rested()).toBe(0);
  claim(500);
  claim(100);
  expect(await rested()).toBe(600);
  claim(60_000);
  expect(await rested()).toBe(5_000);
});

test('who is behind claims the loop for a bounded time, and anew after as long a time without need', () => {
  let nowMs = 0;
  const claims: number[] = [];
  const claim = createBoundedClaim(1_000, {
    claim: () => void claims.push(nowMs),
    monotonicMs: () => nowMs,
  });
  for (; nowMs < 3_000; nowMs += 250) claim(500);
  expect(claims).toEqual([0, 250, 500, 750]);
  nowMs += 1_000;
  claim(500);
  expect(claims.at(-1)).toBe(nowMs);
});
