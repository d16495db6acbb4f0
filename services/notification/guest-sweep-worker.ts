import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import type { ContactStore } from './contact-store.js';

const everyMs = 3_600_000;

/** Deletes the contacts of guests whose orders are `keptMs` old. */
export const createGuestSweep = (
  { clock, logger }: Pick<Host, 'clock' | 'logger'>,
  db: Database,
  contacts: Pick<ContactStore, 'forgetGuests'>,
  keptMs: number,
): Component => {
  let timer: NodeJS.Timeout | undefined;
  const sweep = async (): Promise<void> => {
    try {
      await contacts.forgetGuests(db, new Date(clock.nowMs() - keptMs));
    } catch (error) {
      logger.warn({ err: error }, 'guests’ contacts are not swept');
    }
  };
  return {
    name: 'guest-sweep',
    start: async () => {
      timer = setInterval(() => void sweep(), everyMs);
    },
    stop: async () => clearInterval(timer),
  };
};
