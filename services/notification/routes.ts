import { z } from 'zod';
import type { Clock } from '#platform/clock';
import { accountOf, hasRole, userIdOf } from '#platform/http/auth';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { idempotentIfKeyed } from '#platform/http/idempotency';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { line, text, uuid, visibleProse } from '#platform/http/text';
import { newId } from '#platform/ids';
import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { staff } from '#schemas/roles';
import type { ContactStore } from './contact-store.js';
import type { Preferences, Result } from './delivery.js';
import { channelNames, templates } from './notification.js';
import type { HistoryRow, NotificationStore } from './notification-store.js';

export type NotificationRouteDeps = {
  db: Database;
  notifications: NotificationStore;
  contacts: ContactStore;
  /** Resolves when the account is known here, or once it would have been if there were one. */
  awaitContact(userId: string): Promise<void>;
  clock: Clock;
  pushKey(): string;
  /** Called when something is to be sent. */
  onRecorded(): void;
};

const statuses = ['pending', 'sent', 'failed', 'skipped'] as const;
const channel = z.enum(channelNames);
/** Of a notification in the history. The time is one that a `Date` can have. */
const place = z.object({ atMs: z.int().min(0).max(8_640_000_000_000_000), id: z.uuid() });
const tags = ['notifications'];

const notificationSchema = z
  .object({
    id: z.uuid(),
    userId: z.uuid().nullable().describe('Null for a guest.'),
    template: z.enum(templates),
    orderId: z.uuid().nullable(),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
    status: z
      .enum(statuses)
      .describe(
        '`sent` when one place was reached; `skipped` when there is none, it is not wanted, or the account has caused too ' +
          'many in a short time.',
      ),
    channels: z.array(
      z.object({
        channel,
        status: z.enum(['sent', 'failed', 'skipped']),
        reason: z.string().optional().describe('A code, where it was not sent.'),
        at: z.iso.datetime(),
      }),
    ),
    occurredAt: z.iso.datetime(),
  })
  .meta({ id: 'Notification' });

const historyRoute = (app: HttpApp, { db, notifications }: NotificationRouteDeps): void => {
  app.get(
    '/api/notifications/history',
    {
      access: 'authenticated',
      schema: {
        tags,
        summary: 'Your notifications, newest first; staff see everybody’s.',
        querystring: z.strictObject({
          ...listQuery,
          status: z.enum(statuses).optional(),
          userId: uuid.optional().describe('For staff.'),
        }),
        response: { 200: pageOf(notificationSchema), ...problems(403) },
      },
    },
    async (request) => {
      const { principal, query } = request;
      const { limit, status, userId } = query;
      const after = decodeCursor(request, place);
      const ownId = hasRole(principal, ...staff) ? undefined : userIdOf(principal);
      if (ownId !== undefined && userId !== undefined && userId !== ownId)
        throw problem(403, 'forbidden', 'Your account may only list its own notifications.');
      const filter = { userId: ownId ?? userId, status, after, rowsMax: limit + 1 };
      const rows = await notifications.history(db, filter);
      const { items, next } = pageFrom(request, rows, ({ occurredAt, id }) => ({
        atMs: occurredAt.getTime(),
        id,
      }));
      return { items: items.map(shown), next };
    },
  );
};

const sendBody = z.strictObject({
  userId: uuid,
  subject: line(150),
  text: visibleProse(5000).describe('Plain text; an empty line begins a paragraph.'),
  channels: z.array(channel).min(1).max(channelNames.length).optional().describe('All, if unset.'),
});

const sendRoute = (app: HttpApp, deps: NotificationRouteDeps): void => {
  const { db, notifications, contacts, clock } = deps;
  app.post(
    '/api/notifications/send',
    {
      access: [...staff],
      schema: {
        tags,
        summary: 'Send a message to a user.',
        headers: z.object({
          'idempotency-key': text(255)
            .min(1)
            .optional()
            .describe('A request that is repeated with the same key sends the message only once.'),
        }),
        body: sendBody,
        response: {
          202: z.object({ id: z.uuid(), status: z.literal('pending') }).meta({ id: 'AcceptedNotification' }),
          ...problems(404, 409, 422),
        },
      },
    },
    async (request, reply) => {
      const { userId, subject, text: body, channels } = request.body;
      // Who has just registered may be written to before the event of it has arrived here.
      await deps.awaitContact(userId);
      const accept = async (tx: Tx) => {
        const id = newId(clock);
        if (!(await contacts.isKnown(tx, userId)))
          throw problem(404, 'user_not_found', 'There is no such user.');
        await notifications.record(
          tx,
          id,
          {
            template: 'message',
            orderId: null,
            userId,
            data: { subject, text: body },
            ...(channels === undefined ? {} : { channels: [...new Set(channels)] }),
          },
          clock.nowMs(),
        );
        tx.afterCommit(deps.onRecorded);
        return { status: 202, body: { id, status: 'pending' as const } };
      };
      return idempotentIfKeyed(db, request, reply, accept);
    },
  );
};

const preferencesPath = '/api/users/me/notification-preferences';
const on = z.boolean();
const orOn = z.boolean().prefault(true);

const preferencesSchema = z
  .object({ email: on, sms: on, push: on, orders: on, stock: on, messages: on })
  .meta({ id: 'NotificationPreferences' });

const preferencesBody = z
  .strictObject({ email: orOn, sms: orOn, push: orOn, orders: orOn, stock: orOn, messages: orOn })
  .describe(
    'Switches channels, and what messages are about. What is not named is on. Messages about the account itself, such ' +
      'as a new password, are always sent.',
  );

const preferencesRoutes = (app: HttpApp, { db, contacts }: NotificationRouteDeps): void => {
  app.get(
    preferencesPath,
    {
      access: 'user',
      scope: null,
      schema: {
        tags,
        summary: 'What you want to be notified about, and how.',
        response: { 200: preferencesSchema, ...notModified },
      },
    },
    async (request, reply) => {
      const preferences = { ...(await contacts.preferencesOf(db, accountOf(request.principal))) };
      return sendWithEtag(request, reply, etagOf(preferences), preferences);
    },
  );
  app.put(
    preferencesPath,
    {
      access: 'user',
      scope: null,
      schema: {
        tags,
        summary: 'Set what you want to be notified about, and how.',
        body: preferencesBody,
        response: { 200: preferencesSchema },
      },
    },
    async ({ principal, body }, reply) => {
      const preferences: Preferences = body;
      await contacts.prefer(db, accountOf(principal), preferences);
      return reply.header('etag', etagOf(preferences)).send({ ...preferences });
    },
  );
};

const pushKeyRoute = (app: HttpApp, { pushKey }: NotificationRouteDeps): void => {
  app.get(
    '/api/notifications/push-key',
    {
      access: 'public',
      config: { anonymousWithoutKeys: true },
      schema: {
        tags,
        summary: 'The key with which a browser subscribes to push messages (its `applicationServerKey`).',
        response: { 200: z.object({ publicKey: z.string() }).meta({ id: 'PushKey' }) },
      },
    },
    async () => ({ publicKey: pushKey() }),
  );
};

export const notificationRoutes = (app: HttpApp, deps: NotificationRouteDeps): void => {
  historyRoute(app, deps);
  sendRoute(app, deps);
  preferencesRoutes(app, deps);
  pushKeyRoute(app, deps);
};

const byChannel = (one: Result, other: Result): number =>
  channelNames.indexOf(one.channel) - channelNames.indexOf(other.channel);

const shown = ({ results, occurredAt, ...row }: HistoryRow): z.output<typeof notificationSchema> => ({
  ...row,
  channels: results.toSorted(byChannel).map(({ channel: name, status, reason, atMs }) => ({
    channel: name,
    status,
    ...(reason === undefined ? {} : { reason }),
    at: new Date(atMs).toISOString(),
  })),
  occurredAt: occurredAt.toISOString(),
});
