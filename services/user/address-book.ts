import type { Clock } from '#platform/clock';
import { newId } from '#platform/ids';
import { type Address, addressStore } from './address-store.js';
import type { Announcements } from './announcements.js';
import type { UserStore } from './user-store.js';

export const addressesMax = 50;

export type AddressBook = ReturnType<typeof createAddressBook>;

/** The operations on an account's addresses. Each is one transaction, which contains its event. */
export const createAddressBook = ({
  store,
  announcements,
  clock,
}: {
  store: UserStore;
  announcements: Announcements;
  clock: Clock;
}) => ({
  /** Undefined for an account that is gone. */
  add: (userId: string, address: Omit<Address, 'id' | 'createdAt'>): Promise<Address | 'full' | undefined> =>
    store.inTransaction(async (tx) => {
      if ((await store.lock(tx, userId)) === undefined) return undefined;
      const occurredAt = clock.nowMs();
      const added: Address = { ...address, id: newId(clock), createdAt: new Date(occurredAt) };
      if (!(await addressStore.add(tx, userId, added, addressesMax))) return 'full';
      await announcements.publish(tx, 'UserAddressAdded', { userId, addressId: added.id, occurredAt });
      return added;
    }),

  /** False where the account has no such address. */
  remove: (userId: string, addressId: string): Promise<boolean> =>
    store.inTransaction(async (tx) => {
      await store.lock(tx, userId);
      if (!(await addressStore.remove(tx, userId, addressId))) return false;
      await announcements.publish(tx, 'UserAddressRemoved', { userId, addressId, occurredAt: clock.nowMs() });
      return true;
    }),
});
