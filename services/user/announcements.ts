import type { EventPublisher } from '#platform/messaging/events';
import { append } from '#platform/outbox/outbox';
import type { Tx } from '#platform/postgres/transaction';
import type { EventMap, EventType } from '#schemas/events';
import { deviceStore } from './device-store.js';
import type { User } from './user.js';
import type { UserStore } from './user-store.js';

/** The types of events that this service publishes; publishing another one does not compile. */
export const publishes = [
  'UserRegistered',
  'UserRolesChanged',
  'UserProfileChanged',
  'UserEmailVerified',
  'UserPasswordChanged',
  'UserAddressAdded',
  'UserAddressRemoved',
  'UserDeviceAdded',
  'UserDeviceRemoved',
  'UserSessionEnded',
  'UserErased',
  'UserContactChanged',
  'UserContactErased',
  'UserTokenIssued',
  'ApiKeyCreated',
  'ApiKeyRevoked',
] as const satisfies readonly EventType[];

export type Published = Pick<EventMap, (typeof publishes)[number]>;

type AccountEvent = Exclude<keyof Published, 'ApiKeyCreated' | 'ApiKeyRevoked'>;

/**
 * Appends events in the caller's transaction, which has locked the account: so the events of an account keep their order
 * on each topic.
 */
export type Announcements = {
  publish<T extends AccountEvent>(tx: Tx, type: T, event: Published[T]): Promise<void>;
  /** Publishes how the account is reached, as it is after the change. */
  contact(tx: Tx, user: User, occurredAt: number): Promise<void>;
};

export const devicesMax = 20;

export const createAnnouncements = (
  publisher: EventPublisher<Published>,
  store: Pick<UserStore, 'countContact'>,
): Announcements => {
  const publish: Announcements['publish'] = async (tx, type, event) => {
    const { occurredAt } = event;
    await append(tx, [publisher.event(type, event.userId, event, { occurredAt })]);
  };
  return {
    publish,
    contact: async (tx, user, occurredAt) => {
      const version = await store.countContact(tx, user.id);
      const devices = await deviceStore.list(tx, user.id, { limit: devicesMax });
      await publish(tx, 'UserContactChanged', {
        userId: user.id,
        version,
        email: user.email,
        isEmailVerified: user.isEmailVerified,
        name: user.name,
        phone: user.phone,
        devices: devices.map(({ id, endpoint, p256dh, auth }) => ({ deviceId: id, endpoint, p256dh, auth })),
        occurredAt,
      });
    },
  };
};
