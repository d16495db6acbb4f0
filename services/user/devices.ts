import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import type { Tx } from '#platform/postgres/transaction';
import { type Announcements, devicesMax } from './announcements.js';
import { type Device, deviceStore } from './device-store.js';
import type { User } from './user.js';
import type { UserStore } from './user-store.js';

export type Devices = ReturnType<typeof createDevices>;

/** The operations on an account's devices. Each is one transaction, which contains its events. */
export const createDevices = ({
  store,
  announcements,
  clock,
}: {
  store: UserStore;
  announcements: Announcements;
  clock: Clock;
}) => {
  /** Each of these accounts that exists, in an order in which no two transactions wait for each other. */
  const lockAll = async (tx: Tx, ids: readonly string[]): Promise<Map<string, User>> => {
    const locked = new Map<string, User>();
    for (const id of [...new Set(ids)].sort()) {
      const user = await store.lock(tx, id);
      if (user !== undefined) locked.set(id, user);
    }
    return locked;
  };

  const remove = async (
    tx: Tx,
    user: User,
    by: Parameters<typeof deviceStore.remove>[2],
  ): Promise<boolean> => {
    const deviceId = await deviceStore.remove(tx, user.id, by);
    if (deviceId === undefined) return false;
    const occurredAt = clock.nowMs();
    await announcements.publish(tx, 'UserDeviceRemoved', { userId: user.id, deviceId, occurredAt });
    await announcements.contact(tx, user, occurredAt);
    return true;
  };

  return {
    /**
     * Registers a device, or renews it. Somebody else who used the same browser gets no more messages there. Undefined
     * for an account that is gone.
     */
    add: (
      userId: string,
      wanted: Omit<Device, 'id' | 'createdAt'>,
    ): Promise<{ device: Device; isNew: boolean } | 'full' | undefined> =>
      store.inTransaction(async (tx) => {
        const { endpoint } = wanted;
        const formerId = await deviceStore.ownerOf(tx, endpoint);
        const accounts = await lockAll(tx, [userId, ...(formerId === undefined ? [] : [formerId])]);
        const user = accounts.get(userId);
        if (user === undefined) return undefined;
        const former = accounts.get(formerId ?? '');
        if (former !== undefined && formerId !== userId) await remove(tx, former, { endpoint });
        const occurredAt = clock.nowMs();
        const device = { ...wanted, id: newId(clock), createdAt: new Date(occurredAt) };
        const put = await deviceStore.put(tx, userId, device, devicesMax);
        if (put === 'full') return put;
        if (put.isNew)
          await announcements.publish(tx, 'UserDeviceAdded', { userId, deviceId: put.device.id, occurredAt });
        await announcements.contact(tx, user, occurredAt);
        return put;
      }),

    /** False where the account has no such device. */
    remove: (userId: string, id: string): Promise<boolean> =>
      store.inTransaction(async (tx) => {
        const user = await store.lock(tx, userId);
        return user !== undefined && remove(tx, user, { id });
      }),
  };
};
