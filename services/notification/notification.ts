import type { EventMap } from '#schemas/events';

export const channelNames = ['email', 'sms', 'push'] as const;
export type ChannelName = (typeof channelNames)[number];

/** What a recipient can switch off. Messages about the account itself are always sent. */
export const subjects = ['orders', 'stock', 'messages'] as const;
export type Subject = (typeof subjects)[number];

/** Each message that the shop sends: what it is about, and the channels that it may use. */
const kinds = {
  order_confirmed: { about: 'orders', channels: ['email', 'push'] },
  order_cancelled: { about: 'orders', channels: ['email', 'push'] },
  order_shipped: { about: 'orders', channels: ['email', 'sms', 'push'] },
  order_delivered: { about: 'orders', channels: ['email', 'push'] },
  order_returned: { about: 'orders', channels: ['email'] },
  order_refunded: { about: 'orders', channels: ['email'] },
  verify_email: { about: 'account', channels: ['email'] },
  reset_password: { about: 'account', channels: ['email'] },
  password_changed: { about: 'account', channels: ['email'] },
  low_stock: { about: 'stock', channels: ['email'] },
  back_in_stock: { about: 'stock', channels: ['email', 'push'] },
  message: { about: 'messages', channels: ['email', 'sms', 'push'] },
} as const satisfies Record<string, { about: Subject | 'account'; channels: readonly ChannelName[] }>;

export type Template = keyof typeof kinds;
export const templates = Object.keys(kinds) as [Template, ...Template[]];

export const aboutOf = (template: Template): Subject | 'account' => kinds[template].about;
export const channelsOf = (template: Template): readonly ChannelName[] => kinds[template].channels;

/**
 * What an account gets for what it does itself, as often as it does it, and how many of each kind at most of what happened in a
 * quarter of an hour. Its address may be a stranger's, who has never confirmed it. A hundred orders have three messages each; who is asked
 * back to a product bought nothing.
 */
export const causedByRecipient: readonly { templates: readonly Template[]; max: number }[] = [
  { templates: templates.filter((template) => aboutOf(template) === 'orders'), max: 300 },
  { templates: ['back_in_stock'], max: 100 },
];

export type Data = Readonly<Record<string, string | number | boolean | null>>;

/** A message to one recipient: its type and the data for its text. */
export type Notification = {
  template: Template;
  orderId: string | null;
  /** Null for a guest, whose contact is that of the order. */
  userId: string | null;
  data: Data;
  /** Where to send it, if not to the recipient's current contact. Deleted once it is sent. */
  destination?: { email: string; name: string };
  /** Data that nobody may read later; deleted once it is sent. */
  secret?: Data;
  /** The channels to use, of those that the template may use; all of them if unset. */
  channels?: readonly ChannelName[];
  /** When it has lost its meaning, epoch milliseconds; a day after its event if unset. */
  uselessAtMs?: number;
};

type Reported = Pick<
  EventMap,
  | 'OrderConfirmed'
  | 'OrderCancelled'
  | 'OrderShipped'
  | 'OrderDelivered'
  | 'OrderReturned'
  | 'UserTokenIssued'
  | 'UserPasswordChanged'
>;

/** The notification of each event that is about one recipient, who is named in it. */
export const notificationOf: { [T in keyof Reported]: (event: Reported[T]) => Notification | null } = {
  OrderConfirmed: ({ orderId, userId, totalMinor, currency }) => ({
    template: 'order_confirmed',
    orderId,
    userId,
    data: { amountMinor: totalMinor, currency },
  }),
  OrderCancelled: ({ orderId, userId, reason }) => ({
    template: 'order_cancelled',
    orderId,
    userId,
    data: { reason },
  }),
  OrderShipped: ({ orderId, userId, carrier, trackingNumber }) => ({
    template: 'order_shipped',
    orderId,
    userId,
    data: { carrier, trackingNumber },
  }),
  OrderDelivered: ({ orderId, userId }) => ({ template: 'order_delivered', orderId, userId, data: {} }),
  OrderReturned: ({ orderId, userId, refundMinor, currency, isFull }) => ({
    template: 'order_returned',
    orderId,
    userId,
    data: { amountMinor: refundMinor, currency, isFull },
  }),
  UserTokenIssued: ({ userId, purpose, token, email, name, expiresAt }) => {
    if (purpose !== 'verify_email' && purpose !== 'reset_password') return null;
    return {
      template: purpose,
      orderId: null,
      userId,
      data: {},
      destination: { email, name },
      secret: { token },
      uselessAtMs: expiresAt,
    };
  },
  UserPasswordChanged: ({ userId }) => ({ template: 'password_changed', orderId: null, userId, data: {} }),
};
