import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { createPeriodicWork } from '#platform/waiting/periodic-work';
import type { ContactStore } from './contact-store.js';

const everyMs = 3_600_000;

/** Deletes the contacts of guests whose orders are `keptMs` old. */
export const createGuestSweep = (
  { clock, logger }: Pick<Host, 'clock' | 'logger'>,
  db: Database,
  contacts: Pick<ContactStore, 'forgetGuests'>,
  keptMs: number,
): Component =>
  createPeriodicWork({
    name: 'guest-sweep',
    everyMs,
    work: () => contacts.forgetGuests(db, new Date(clock.nowMs() - keptMs)),
    onFailure: (error) => logger.warn({ err: error }, 'guests’ contacts are not swept'),
  });
