import type { EventPublisher } from '#platform/messaging/events';
import type { EventMap, EventType } from '#schemas/events';

/** The types of events that this service publishes; publishing another one does not compile. */
export const publishes = [
  'ProductCreated',
  'ProductUpdated',
  'ProductDeleted',
  'CategorySaved',
  'CategoryDeleted',
] as const satisfies readonly EventType[];
export type Published = Pick<EventMap, (typeof publishes)[number]>;
export type CatalogueEvents = Pick<EventPublisher<Published>, 'event'>;
