import type { Component, Host } from '#platform/service-host';
import type { Announcements } from './announcements.js';
import type { UserStore } from './user-store.js';

const accountsAtOnce = 100;

/**
 * Publishes once how each account is reached of which that was not published yet: accounts from before there was such an
 * event. Setting `contact_version` to 0 publishes an account anew at the next start.
 */
export const createContactBackfill = (
  host: Pick<Host, 'clock' | 'stopping' | 'logger'>,
  store: UserStore,
  announcements: Announcements,
): Component => {
  const publishAll = async (): Promise<void> => {
    let ids = await store.withoutContact(accountsAtOnce);
    while (ids.length > 0 && !host.stopping.aborted) {
      for (const id of ids)
        await store.inTransaction(async (tx) => {
          const user = await store.lock(tx, id);
          if (user !== undefined) await announcements.contact(tx, user, host.clock.nowMs());
        });
      ids = await store.withoutContact(accountsAtOnce);
    }
  };
  let publishing: Promise<void> | undefined;
  return {
    name: 'contact-backfill',
    start: async () => {
      publishing = publishAll().catch((error: unknown) =>
        host.logger.warn({ err: error }, 'contacts are published at the next start'),
      );
    },
    stop: async () => {
      await publishing;
    },
  };
};
