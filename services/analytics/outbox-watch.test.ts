import { expect, it } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { handClock } from '#platform/testing/hand-clock';
import { watchOutbox } from './outbox-watch.js';

const setUp = () => {
  const clock = handClock(100_000);
  const outbox = { unsentMs: 1_000 };
  return { clock, outbox, watch: watchOutbox(async () => outbox.unsentMs, clock) };
};

it('says what was sent at each moment at which it was asked', async () => {
  const { clock, outbox, watch } = setUp();
  expect(await watch.read()).toEqual([{ atMs: 100_000, upToMs: 99_000 }]);
  clock.advanceMs(800);
  outbox.unsentMs = 31_000;
  // Nobody waits for an answer that is not the first.
  await eventually(async () =>
    expect((await watch.read()).slice(0, 2)).toEqual([
      { atMs: 100_000, upToMs: 99_000 },
      { atMs: 100_800, upToMs: 69_800 },
    ]),
  );
});

it('keeps what was last said while the outbox is away, however long', async () => {
  const { clock, outbox, watch } = setUp();
  const known = await watch.read();
  outbox.unsentMs = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 1_000; n += 1) {
    clock.advanceMs(800);
    expect(await watch.read()).toEqual(known);
  }
});

it('knows nothing where the outbox never said anything', async () => {
  const { outbox, watch } = setUp();
  outbox.unsentMs = Number.POSITIVE_INFINITY;
  expect(await watch.read()).toEqual([]);
  outbox.unsentMs = 1_000;
  expect(await watch.read()).toHaveLength(1);
});

it('begins anew with those who watch after nobody has', async () => {
  const { clock, watch } = setUp();
  await watch.read();
  clock.advanceMs(3_600_000);
  expect(await watch.read()).toEqual([{ atMs: 3_700_000, upToMs: 3_699_000 }]);
});

it('forgets what was said at times that are still to come, since the clock was set back', async () => {
  const { clock, watch } = setUp();
  await watch.read();
  clock.setMs(40_000);
  await eventually(async () => expect((await watch.read())[0]).toEqual({ atMs: 40_000, upToMs: 39_000 }), {
    timeoutMs: 2_000,
  });
});
