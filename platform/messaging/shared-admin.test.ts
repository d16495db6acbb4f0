import { expect, it } from 'vitest';
import type { BrokerAdmin } from '#platform/messaging/broker';
import { createSharedAdmin } from '#platform/messaging/shared-admin';

const adminsOf = (failures: number) => {
  let opened = 0;
  let closed = 0;
  const shared = createSharedAdmin({
    admin: async () => {
      opened += 1;
      if (opened <= failures) throw new Error('away');
      const close = async (): Promise<void> => {
        closed += 1;
      };
      return { close } as unknown as BrokerAdmin;
    },
  });
  return { shared, counts: () => [opened, closed] };
};

it('opens one admin for all who ask at once, and closes it', async () => {
  const { shared, counts } = adminsOf(0);
  const [one, other] = await Promise.all([shared.open(), shared.open()]);
  expect(one).toBe(other);
  expect(await shared.open()).toBe(one);
  await shared.close();
  await shared.close();
  expect(counts()).toEqual([1, 1]);
});

it('closes one that is still being opened', async () => {
  const { shared, counts } = adminsOf(0);
  void shared.open();
  await shared.close();
  expect(counts()).toEqual([1, 1]);
});

it('tries again after a failure', async () => {
  const { shared, counts } = adminsOf(1);
  await expect(shared.open()).rejects.toThrow('away');
  await shared.open();
  await shared.close();
  expect(counts()).toEqual([2, 1]);
});
