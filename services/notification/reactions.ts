import { idOfText } from '#platform/ids';
import type { ReceivedEvent } from '#platform/messaging/events';
import type { Reactions } from '#platform/messaging/reactor';
import type { Replica } from '#platform/postgres/replica';
import type { Tx } from '#platform/postgres/transaction';
import type { EventMap } from '#schemas/events';
import { staff } from '#schemas/roles';
import type { ContactStore } from './contact-store.js';
import { type Notification, notificationOf } from './notification.js';
import type { NotificationStore } from './notification-store.js';
import type { ProductName } from './product-replica.js';

type Deps = {
  notifications: NotificationStore;
  contacts: ContactStore;
  products: Pick<Replica<ProductName>, 'note' | 'find'>;
  /** Called after the commit of what is to be sent. */
  onRecorded(): void;
};

// Over seventy lines: a table with a line for each event that is announced.
/** Notification's reactions: each records a notification, or how somebody is reached. Nothing is sent here. */
export const reactions = ({ notifications, contacts, products, onRecorded }: Deps): Reactions<EventMap> => {
  const record = async (
    tx: Tx,
    id: string,
    notification: Notification | null,
    occurredAtMs: number,
  ): Promise<void> => {
    if (notification === null) return;
    if (await notifications.record(tx, id, notification, occurredAtMs)) tx.afterCommit(onRecorded);
  };
  const notify =
    <T extends keyof typeof notificationOf>(type: T) =>
    (tx: Tx, { eventId, value }: ReceivedEvent<T, EventMap[T]>): Promise<void> =>
      record(tx, notificationIdOf(eventId), notificationOf[type](value), value.occurredAt);

  const nameOf = async (tx: Tx, productId: string): Promise<string | null> =>
    (await products.find(tx, [productId])).get(productId)?.name ?? null;

  const forget = async (tx: Tx, { value: { userId } }: { value: { userId: string } }): Promise<void> => {
    await contacts.forget(tx, userId);
    await notifications.forgetUser(tx, userId);
  };

  return {
    ProductCreated: (tx, { value }) => products.note(tx, value),
    ProductUpdated: (tx, { value }) => products.note(tx, value),
    LowStock: async (tx, { eventId, value: { productId, available, lowStockThreshold, occurredAt } }) => {
      const productName = await nameOf(tx, productId);
      const data = { productId, productName, available, threshold: lowStockThreshold };
      for (const userId of await contacts.staffIds(tx))
        await record(
          tx,
          notificationIdOf(`${eventId} ${userId}`),
          { template: 'low_stock', orderId: null, userId, data },
          occurredAt,
        );
    },
    BackInStock: async (tx, { eventId, value: { productId, userId, occurredAt } }) => {
      const data = { productId, productName: await nameOf(tx, productId) };
      await record(
        tx,
        notificationIdOf(eventId),
        { template: 'back_in_stock', orderId: null, userId, data },
        occurredAt,
      );
    },
    OrderConfirmed: notify('OrderConfirmed'),
    OrderCancelled: notify('OrderCancelled'),
    OrderShipped: notify('OrderShipped'),
    OrderDelivered: notify('OrderDelivered'),
    OrderReturned: notify('OrderReturned'),
    UserTokenIssued: notify('UserTokenIssued'),
    UserPasswordChanged: notify('UserPasswordChanged'),
    PaymentRefunded: async (tx, { value: { orderId, refundId, amountMinor, currency, occurredAt } }) => {
      // Everything had gone back before.
      if (amountMinor === 0) return;
      const userId = await notifications.buyerOf(tx, orderId);
      const data = { amountMinor, currency };
      await record(
        tx,
        notificationIdOf(`refund ${refundId}`),
        { template: 'order_refunded', orderId, userId, data },
        occurredAt,
      );
    },
    UserContactChanged: (tx, { value }) => contacts.note(tx, value),
    GuestContactGiven: (tx, { value }) => contacts.noteGuest(tx, value),
    // A new shop's administrator has the role from the start. Of other new accounts there is nothing to delete.
    UserRegistered: async (tx, { value: { userId, roles } }) => {
      if (isStaff(roles)) await contacts.noteStaff(tx, userId, true);
    },
    UserRolesChanged: (tx, { value: { userId, roles } }) => contacts.noteStaff(tx, userId, isStaff(roles)),
    // The last about the account on the topic with its addresses and tokens, so that none of them comes later.
    UserContactErased: forget,
    // That topic is kept for seven days, this one for ever: an erasure is also noticed by who was away for longer.
    UserErased: forget,
  };
};

const isStaff = (roles: readonly string[]): boolean =>
  roles.some((role) => staff.some((one) => one === role));

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The id of the notification that follows from this cause: the event's own where it is a UUID, as ours are. */
const notificationIdOf = (cause: string): string =>
  uuidPattern.test(cause) ? cause.toLowerCase() : idOfText(cause);
