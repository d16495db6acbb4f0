import { execFileSync } from 'node:child_process';
import { createECDH, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, createServer as createTlsServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type LookupFunction,
  type Server,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import webPush from 'web-push';
import type { Authenticator } from '#platform/http/auth';
import type { HttpApp } from '#platform/http/http-app';
import { createHttpServer } from '#platform/http/server';
import { newId } from '#platform/ids';
import { createKnownWait } from '#platform/postgres/replica';
import { inTransaction } from '#platform/postgres/transaction';
import { currentCorrelation, withCorrelation } from '#platform/telemetry/correlation';
import {
  contextFromTraceparent,
  currentTraceparent,
  runInContext,
  startTracing,
} from '#platform/telemetry/tracing';
import { eventually } from '#platform/testing/eventually';
import { type HandClock, handClock } from '#platform/testing/hand-clock';
import { type ScratchDatabase, scratchDatabase } from '#platform/testing/scratch-database';
import { testHost } from '#platform/testing/test-host';
import { endsWithin } from '#platform/waiting/deadline';
import type { EventMap } from '#schemas/events';
import { contactStore } from './contact-store.js';
import type { Contact } from './delivery.js';
import { createEmail } from './email-provider.js';
import { createGuestSweep } from './guest-sweep-worker.js';
import { createNotificationMetrics } from './notification-metrics.js';
import { createNotificationStore, type NotificationStore } from './notification-store.js';
import { createProductNames } from './product-replica.js';
import { createPush } from './push-provider.js';
import { reactions } from './reactions.js';
import { notificationRoutes } from './routes.js';
import { createSendWorker, type SendWorker } from './send-worker.js';
import { createSms } from './sms-provider.js';

/** Every provider here is a real server of its protocol, and does what the test says. */
const letters: Email[] = [];
let smtpAnswer: { responseCode: number } | undefined;
const posted: { path: string; headers: IncomingMessage['headers']; body: string }[] = [];
let httpStatus = 201;
/** How the push service answers, if not with `httpStatus`. */
let pushAnswer: ((response: ServerResponse) => void) | undefined;

let scratch: ScratchDatabase;
let clock: HandClock;
let smtp: SMTPServer;
let web: Server;
let tls: Server;
let folder: string;
let app: HttpApp;
let handle: ReturnType<typeof reactions>;
let worker: SendWorker;
let notifications: NotificationStore;
let host: ReturnType<typeof testHost>;
let channels: Parameters<typeof createSendWorker>[1]['channels'];

/** A bearer token is the role and the id of its user. */
const auth: Authenticator = {
  principalOf: async (header) => {
    const [role = '', userId = ''] = (header ?? '').slice('Bearer '.length).split(' ');
    return { kind: 'user', userId, roles: [role] };
  },
};

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
const listening = <S extends Server>(server: S): Promise<S> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));

const receive = async (request: IncomingMessage): Promise<void> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  posted.push({
    path: request.url ?? '',
    headers: request.headers,
    body: Buffer.concat(chunks).toString('latin1'),
  });
};

const startServers = async (): Promise<void> => {
  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: (_address, _session, done) =>
      done(smtpAnswer === undefined ? null : Object.assign(new Error('refused'), smtpAnswer)),
    onData: (stream, _session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', async () => {
        letters.push(await PostalMime.parse(Buffer.concat(chunks)));
        done();
      });
    },
  });
  smtp.on('error', () => {});
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    await receive(request);
    response.writeHead(httpStatus).end('{}');
  };
  const answerPush = async (request: IncomingMessage, response: ServerResponse) => {
    if (pushAnswer === undefined) return await answer(request, response);
    await receive(request);
    pushAnswer(response);
  };
  web = await listening(createServer(answer));
  folder = mkdtempSync(join(tmpdir(), 'push-'));
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      '/CN=localhost',
      ...files,
    ],
    { stdio: 'pipe' },
  );
  const [key, cert] = ['key.pem', 'cert.pem'].map((file) => readFileSync(join(folder, file)));
  tls = await listening(createTlsServer({ key, cert } as object, answerPush));
};

beforeAll(async () => {
  await startTracing({ service: 'notification-test', sampleRatio: 0 });
  scratch = await scratchDatabase([
    'platform/outbox/migrations',
    'platform/http/migrations',
    'services/notification/migrations',
  ]);
  clock = handClock();
  host = testHost('notification-test', { clock });
  await startServers();
  const { db } = scratch;
  const events = {
    event: (type: string, key: string, value: object) => ({
      topic: type,
      key,
      value: Buffer.from(JSON.stringify(value)),
      headers: { ...currentCorrelation(), traceparent: currentTraceparent() },
    }),
  };
  notifications = createNotificationStore(events as never, clock);
  channels = openChannels();
  worker = newWorker();
  handle = reactions({
    notifications,
    contacts: contactStore,
    products: createProductNames(db),
    onRecorded: () => {},
  });
  app = createHttpServer(host, { port: 0, title: 'notification', auth }).app;
  const awaitKnown = createKnownWait(db, { table: 'contacts', id: 'user_id' });
  notificationRoutes(app, {
    db,
    notifications,
    contacts: contactStore,
    awaitContact: async (userId) => {
      if (onAwaited === undefined) return;
      const waiting = awaitKnown([userId], 60_000);
      await onAwaited();
      await waiting;
    },
    clock,
    pushKey: () => vapid.publicKey,
    onRecorded: () => {},
  });
});
afterAll(async () => {
  await Promise.all([worker.stop(), scratch.drop()]);
  await Promise.all([
    new Promise<void>((resolve) => smtp.close(resolve)),
    ...[web, tls].map((server) => new Promise((resolve) => server.close(resolve))),
  ]);
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  letters.length = 0;
  posted.length = 0;
  smtpAnswer = undefined;
  httpStatus = 201;
  pushAnswer = undefined;
});

const toThisMachine: LookupFunction = (_name, options, done) =>
  options.all === true ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
const openChannels = (answerMsMax?: number): typeof channels => ({
  email: createEmail(`smtp://127.0.0.1:${portOf(smtp.server)}`, 'Shop <shop@example.com>'),
  sms: createSms({
    baseUrl: `http://127.0.0.1:${portOf(web)}`,
    accountSid: 'AC1',
    authToken: 'secret',
    from: '+44100',
  }),
  push: createPush(
    () => ({ ...vapid, subject: 'mailto:shop@example.com' }),
    // The test's push service has a certificate of its own and a name of the public network, led to this machine.
    new Agent({ rejectUnauthorized: false, lookup: toThisMachine }),
    answerMsMax,
  ),
});

/** What happens while a message waits for its recipient; without it none waits. */
let onAwaited: (() => Promise<void>) | undefined;

const vapid = webPush.generateVAPIDKeys();
const newWorker = (changes: Partial<NotificationStore> = {}, through = channels): SendWorker =>
  createSendWorker(host, {
    db: scratch.db,
    notifications: { ...notifications, ...changes },
    channels: through,
    metrics: createNotificationMetrics(testHost('notification-test', { clock }).metrics),
    shopUrl: 'https://shop.example',
    perSecondMax: 400,
  });

const happens = async <T extends keyof EventMap & keyof typeof handle>(
  type: T,
  value: Partial<EventMap[T]>,
  eventId = newId(),
): Promise<string> => {
  await inTransaction(scratch.db, async (tx) => {
    await handle[type]?.(tx, { type, eventId, value: { occurredAt: clock.nowMs(), ...value } } as never);
  });
  return eventId;
};

const newUser = async (contact: Partial<Contact> = {}): Promise<{ userId: string; email: string }> => {
  const userId = newId();
  const email = `${userId}@example.com`;
  await happens('UserContactChanged', {
    userId,
    version: 1,
    email,
    name: 'Ada',
    phone: null,
    devices: [],
    ...(contact as object),
  });
  return { userId, email };
};

const confirmed = (userId: string | null, orderId = newId()) => ({
  orderId,
  userId,
  totalMinor: 1999,
  currency: 'GBP',
});
const tokenOf = (userId: string, email: string) => ({
  userId,
  tokenId: newId(),
  purpose: 'verify_email' as const,
  token: randomUUID(),
  email,
  name: 'Ada',
});
const to = (email: string): Email[] =>
  letters.filter((letter) => letter.to?.some((one) => one.address === email));
const subjectsTo = (email: string) =>
  to(email)
    .map(({ subject }) => subject)
    .toSorted();

const ask = async (
  method: 'GET' | 'POST' | 'PUT',
  url: string,
  as: string,
  payload?: object,
  headers: Record<string, string> = {},
) => {
  const answer = await app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${as}`, ...headers },
    ...(payload && { payload }),
  });
  return {
    status: answer.statusCode,
    etag: String(answer.headers.etag),
    body: answer.json() as { id: string; items: Record<string, unknown>[] },
  };
};
const historyOf = async (userId: string) =>
  (await ask('GET', '/api/notifications/history', `customer ${userId}`)).body.items;
const announced = async (id: string): Promise<string[]> =>
  (
    await scratch.db.query<{ topic: string }>('SELECT topic FROM outbox WHERE key = $1 ORDER BY seq', [id])
  ).rows.map(({ topic }) => topic);

describe('a mail', () => {
  it('is sent once for each event, however often it comes, and is in the history', async () => {
    const { userId, email } = await newUser();
    const eventId = await happens('OrderConfirmed', confirmed(userId));
    await happens('OrderConfirmed', confirmed(userId), eventId);
    await Promise.all([worker.sendDue(), newWorker().sendDue()]);
    await worker.sendDue();
    const [letter, ...more] = to(email);
    expect(more).toEqual([]);
    expect(letter).toMatchObject({
      subject: 'Your order is confirmed',
      messageId: `<${eventId}.email@cartstream>`,
    });
    expect(letter?.text).toContain('£19.99');
    expect(letter?.text).not.toContain('without an account');
    expect(letter?.html).toContain('Hello Ada,');
    expect(await historyOf(userId)).toMatchObject([
      { template: 'order_confirmed', status: 'sent', channels: [{ channel: 'email', status: 'sent' }, {}] },
    ]);
    expect(await announced(eventId)).toEqual(['NotificationSent']);
  });

  it('belongs to what it is about: its event has the same correlation, cause and trace', async () => {
    const { userId } = await newUser();
    const cause = { correlationId: 'of-an-order', causationId: newId() };
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const eventId = await withCorrelation(cause, () =>
      runInContext(contextFromTraceparent(traceparent), () => happens('OrderConfirmed', confirmed(userId))),
    );
    await worker.sendDue();
    const { rows } = await scratch.db.query<{ headers: object }>(
      'SELECT headers FROM outbox WHERE key = $1',
      [eventId],
    );
    expect(rows).toEqual([{ headers: { ...cause, traceparent } }]);
  });

  it('waits while the server is away, and is then sent', async () => {
    const { userId, email } = await newUser();
    const eventId = await happens('OrderConfirmed', confirmed(userId));
    smtpAnswer = { responseCode: 451 };
    for (let nth = 0; nth < 5; nth += 1) {
      await worker.sendDue();
      clock.advanceMs(40_000);
    }
    expect(await historyOf(userId)).toMatchObject([{ status: 'pending' }]);
    smtpAnswer = undefined;
    await worker.sendDue();
    expect(to(email)).toHaveLength(1);
    expect(await announced(eventId)).toEqual(['NotificationSent']);
  });

  it('waits for a server that says nothing only so long, however many wait before it', async () => {
    const silent = await listening(createTcpServer((socket) => socket.on('error', () => {})));
    const email = createEmail(`smtp://127.0.0.1:${portOf(silent)}`, 'shop@example.com', 300);
    const message = { subject: 'x', text: 'x', html: 'x', short: 'x' };
    const sent = Array.from({ length: 6 }, () =>
      email.send(message, { channel: 'email', key: 'email', email: 'ada@example.com', name: 'Ada' }, newId()),
    );
    expect(await endsWithin(5_000, Promise.allSettled(sent))).toBe(true);
    for (const one of sent) await expect(one).rejects.toMatchObject({ retriable: true });
    await email.close();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('whose mailbox is full is tried later by itself; one that finds the server closing lets all wait', async () => {
    const [full, next, met, last] = [await newUser(), await newUser(), await newUser(), await newUser()];
    await happens('OrderConfirmed', confirmed(full.userId));
    smtpAnswer = { responseCode: 452 };
    await worker.sendDue();
    smtpAnswer = undefined;
    await happens('OrderConfirmed', confirmed(next.userId));
    await worker.sendDue();
    expect(to(next.email)).toHaveLength(1);
    expect(await historyOf(full.userId)).toMatchObject([{ status: 'pending' }]);
    await happens('OrderConfirmed', confirmed(met.userId));
    smtpAnswer = { responseCode: 421 };
    await worker.sendDue();
    smtpAnswer = undefined;
    await happens('OrderConfirmed', confirmed(last.userId));
    await worker.sendDue();
    expect(to(last.email)).toEqual([]);
    clock.advanceMs(10_000);
    await worker.sendDue();
    expect([full, met, last].map(({ email }) => to(email).length)).toEqual([1, 1, 1]);
  });

  it('does not wait for an hour because the wall clock was set back by one', async () => {
    const { userId, email } = await newUser();
    await happens('OrderConfirmed', confirmed(userId));
    smtpAnswer = { responseCode: 451 };
    await worker.sendDue();
    smtpAnswer = undefined;
    const beforeMs = clock.nowMs();
    clock.setMs(beforeMs - 3_600_000);
    await newWorker().sendDue();
    expect(to(email)).toHaveLength(1);
    clock.setMs(beforeMs);
    clock.advanceMs(60_000);
  });

  it('is given up when the server refuses the recipient, and after a day', async () => {
    const [refused, late] = [await newUser(), await newUser()];
    const eventId = await happens('OrderConfirmed', confirmed(refused.userId));
    smtpAnswer = { responseCode: 550 };
    await worker.sendDue();
    expect(await historyOf(refused.userId)).toMatchObject([
      { status: 'failed', channels: [{ channel: 'email', status: 'failed', reason: 'smtp_550' }, {}] },
    ]);
    expect(await announced(eventId)).toEqual(['NotificationFailed']);
    smtpAnswer = { responseCode: 451 };
    await happens('OrderConfirmed', confirmed(late.userId));
    clock.advanceMs(86_400_000);
    await worker.sendDue();
    expect(await historyOf(late.userId)).toMatchObject([{ status: 'failed' }]);
    clock.advanceMs(60_000);
  });

  it('that was sent by a process that died before it noted so is sent again under the same id', async () => {
    const { userId, email } = await newUser();
    await happens('OrderConfirmed', confirmed(userId));
    const sent = Promise.withResolvers<void>();
    const death = Promise.withResolvers<never>();
    const dying = newWorker({
      finish: () => {
        sent.resolve();
        return death.promise;
      },
    }).sendDue();
    await sent.promise;
    await worker.sendDue();
    expect(to(email)).toHaveLength(1);
    clock.advanceMs(60_001);
    await worker.sendDue();
    clock.advanceMs(60_001);
    await worker.sendDue();
    expect(to(email)).toHaveLength(2);
    expect(new Set(to(email).map(({ messageId }) => messageId)).size).toBe(1);
    death.reject(new Error('the process is dead'));
    await dying;
  });

  it('has the outcome of the last attempt that was begun', async () => {
    const { userId } = await newUser();
    const id = await happens('OrderConfirmed', confirmed(userId));
    const claimed = async () => {
      const all = await notifications.claim(scratch.db, { countMax: 1_000, leaseMs: 1 });
      clock.advanceMs(10);
      return all.find((one) => one.id === id) ?? expect.fail('it is due');
    };
    const [outdated, last] = [await claimed(), await claimed()];
    const finish = (attempt: typeof last, status: 'sent' | 'failed') =>
      inTransaction(scratch.db, (tx) =>
        notifications.finish(tx, attempt, { results: [], fresh: [], status }),
      );
    await finish(outdated, 'failed');
    expect(await historyOf(userId)).toMatchObject([{ status: 'pending' }]);
    await finish(last, 'sent');
    expect(await historyOf(userId)).toMatchObject([{ status: 'sent' }]);
  });

  it('about an account goes before those about orders', async () => {
    const { userId } = await newUser();
    await happens('OrderConfirmed', confirmed(userId));
    clock.advanceMs(10);
    const urgent = await happens('UserPasswordChanged', { userId });
    const [first] = await notifications.claim(scratch.db, { countMax: 1, leaseMs: 1 });
    expect(first?.id).toBe(urgent);
    clock.advanceMs(10);
    await worker.sendDue();
  });

  it('of an old event is not sent', async () => {
    const { userId, email } = await newUser();
    await happens('OrderConfirmed', { ...confirmed(userId), occurredAt: clock.nowMs() - 86_400_000 });
    await worker.sendDue();
    expect(to(email)).toEqual([]);
    expect(await historyOf(userId)).toMatchObject([{ status: 'skipped' }]);
  });
});

describe('an account that causes more than anybody buys', () => {
  const notice = (userId: string) => happens('BackInStock', { productId: newId(), userId });
  /** So many messages in one transaction, each of what happened `apartMs` before the one behind it. */
  const recorded = (
    userId: string,
    template: 'back_in_stock' | 'order_delivered',
    times: number,
    apartMs: number,
  ) =>
    inTransaction(scratch.db, async (tx) => {
      const nowMs = clock.nowMs();
      const about = { template, orderId: template === 'back_in_stock' ? null : newId(), userId, data: {} };
      await Promise.all(
        Array.from({ length: times }, (_, nth) =>
          notifications.record(tx, newId(), about, nowMs - (times - 1 - nth) * apartMs),
        ),
      );
    });

  it('is written to so often and no more, but about the account itself; others are as before', async () => {
    const [flooded, other] = [await newUser(), await newUser()];
    await recorded(flooded.userId, 'back_in_stock', 103, 0);
    await happens('OrderCancelled', { orderId: newId(), userId: flooded.userId, reason: 'customer' });
    await happens('UserPasswordChanged', { userId: flooded.userId });
    await notice(flooded.userId);
    await notice(other.userId);
    await worker.sendDue();
    expect(to(flooded.email)).toHaveLength(102);
    expect(subjectsTo(flooded.email)).toContain('Your password was changed');
    expect(to(other.email)).toHaveLength(1);
    expect(await historyOf(flooded.userId)).toContainEqual(
      expect.objectContaining({
        template: 'back_in_stock',
        status: 'skipped',
        channels: expect.arrayContaining([expect.objectContaining({ channel: 'email', reason: 'too_many' })]),
      }),
    );
    // It gets what happens in the next quarter of an hour.
    clock.advanceMs(900_000);
    await notice(flooded.userId);
    await worker.sendDue();
    expect(to(flooded.email)).toHaveLength(103);
  });

  it('is bounded also where all of it is recorded at once', async () => {
    const { userId, email } = await newUser();
    await recorded(userId, 'order_delivered', 305, 0);
    await worker.sendDue();
    expect(to(email)).toHaveLength(300);
  });

  it('is sent all of what happened over hours, though it is recorded at once', async () => {
    const { userId, email } = await newUser();
    await recorded(userId, 'back_in_stock', 150, 60_000);
    await worker.sendDue();
    expect(to(email)).toHaveLength(150);
  });
});

describe('a recipient', () => {
  it('whose contact arrives later is reached; one whose contact never does is given up', async () => {
    const userId = newId();
    await happens('OrderConfirmed', confirmed(userId));
    await worker.sendDue();
    const email = `${userId}@example.com`;
    const contact = { userId, version: 1, email, name: 'Ada', phone: null, devices: [] };
    await happens('UserContactChanged', contact);
    clock.advanceMs(10_000);
    await worker.sendDue();
    expect(to(email)).toHaveLength(1);

    const nobody = newId();
    await happens('OrderConfirmed', confirmed(nobody));
    for (let nth = 0; nth < 8; nth += 1) {
      await worker.sendDue();
      clock.advanceMs(400_000);
    }
    expect(await historyOf(nobody)).toMatchObject([
      { status: 'failed', channels: [{ reason: 'no_contact' }] },
    ]);
  });

  it('who is a guest is reached at the address of the order, also about its refund', async () => {
    const orderId = newId();
    const email = `${orderId}@example.com`;
    await happens('GuestContactGiven', { orderId, email, name: 'Bob' });
    await happens('OrderShipped', { orderId, userId: null, carrier: 'Post', trackingNumber: 'X1' });
    const refund = { orderId, refundId: newId(), amountMinor: 500, currency: 'JPY' };
    await happens('PaymentRefunded', refund);
    await happens('PaymentRefunded', refund);
    await worker.sendDue();
    expect(subjectsTo(email)).toEqual(['Your money is on its way back', 'Your order is on its way']);
    expect(
      to(email)
        .map(({ text }) => text)
        .join(),
    ).toMatch(/with Post[\s\S]*X1/);
    for (const { text } of to(email)) expect(text).toContain('in the browser that you ordered with');
  });

  it('is the buyer of the order also where the order is heard of after its refund', async () => {
    const { userId, email } = await newUser();
    const orderId = newId();
    const refund = { orderId, refundId: newId(), amountMinor: 500, currency: 'GBP' };
    await happens('PaymentRefunded', refund);
    await happens('OrderConfirmed', confirmed(userId, orderId));
    await worker.sendDue();
    expect(subjectsTo(email)).toEqual(['Your money is on its way back', 'Your order is confirmed']);
    expect((await historyOf(userId)).map(({ template }) => template).toSorted()).toEqual([
      'order_confirmed',
      'order_refunded',
    ]);
    await happens('UserContactErased', { userId });
    const { rows } = await scratch.db.query('SELECT FROM notifications WHERE order_id = $1', [orderId]);
    expect(rows).toEqual([]);
  });

  it('says what is wanted, and gets messages about the account all the same', async () => {
    const { userId, email } = await newUser();
    const path = '/api/users/me/notification-preferences';
    const all = { email: true, sms: true, push: true, orders: true, stock: true, messages: true };
    expect((await ask('GET', path, `customer ${userId}`)).body).toEqual(all);
    const set = await ask('PUT', path, `customer ${userId}`, { orders: false });
    expect(set).toMatchObject({ status: 200, body: { ...all, orders: false } });
    const headers = { authorization: `Bearer customer ${userId}`, 'if-none-match': set.etag };
    expect((await app.inject({ url: path, headers })).statusCode).toBe(304);
    expect((await ask('PUT', path, `customer ${userId}`, { orders: 'no' })).status).toBe(400);
    await happens('OrderConfirmed', confirmed(userId));
    await happens('UserPasswordChanged', { userId });
    await worker.sendDue();
    expect(to(email).map(({ subject }) => subject)).toEqual(['Your password was changed']);
    expect(await historyOf(userId)).toContainEqual(
      expect.objectContaining({ template: 'order_confirmed', status: 'skipped' }),
    );
  });

  // Who was away for longer than the topic of contacts is kept learns of the erasure from the topic of accounts alone.
  it.each(['UserContactErased', 'UserErased'] as const)(
    'who is erased leaves no trace, and gets nothing any more (%s)',
    async (erasure) => {
      const { userId, email } = await newUser({ phone: '+4479' });
      await happens('UserRolesChanged', { userId, roles: ['support'] });
      await ask('PUT', '/api/users/me/notification-preferences', `customer ${userId}`, { stock: false });
      await happens('OrderConfirmed', confirmed(userId));
      await happens(erasure, { userId });
      await happens('UserContactChanged', {
        userId,
        version: 2,
        email,
        name: 'Ada',
        phone: null,
        devices: [],
      });
      await happens('OrderDelivered', { orderId: newId(), userId });
      await happens('UserTokenIssued', { ...tokenOf(userId, email), expiresAt: clock.nowMs() + 3_600_000 });
      await worker.sendDue();
      expect(to(email)).toEqual([]);
      const { rows } = await scratch.db.query('SELECT * FROM contacts WHERE user_id = $1', [userId]);
      expect(rows).toMatchObject([{ email: null, name: '', phone: null, devices: [] }]);
      for (const table of ['notifications', 'preferences', 'staff'])
        expect(
          (await scratch.db.query(`SELECT * FROM ${table} WHERE user_id = $1`, [userId])).rows,
          table,
        ).toEqual([]);
    },
  );

  it('of a token gets it, and nobody can read it afterwards', async () => {
    const userId = newId();
    const email = `${userId}@example.com`;
    const token = randomUUID();
    const eventId = await happens('UserTokenIssued', {
      userId,
      tokenId: newId(),
      purpose: 'verify_email',
      token,
      email,
      name: 'Ada',
      expiresAt: clock.nowMs() + 3_600_000,
    });
    await worker.sendDue();
    expect(to(email)[0]?.text).toContain(token);
    const { rows } = await scratch.db.query('SELECT * FROM notifications WHERE id = $1', [eventId]);
    expect(JSON.stringify(rows)).not.toContain(token);
    expect(JSON.stringify(rows)).not.toContain(email);
    expect(JSON.stringify(await ask('GET', '/api/notifications/history', `admin ${newId()}`))).not.toContain(
      token,
    );
  });

  it('of a token that is useless already gets nothing, and neither token nor address is stored', async () => {
    const userId = newId();
    const email = `${userId}@example.com`;
    const token = randomUUID();
    const eventId = await happens('UserTokenIssued', {
      userId,
      tokenId: newId(),
      purpose: 'reset_password',
      token,
      email,
      name: 'Ada',
      expiresAt: clock.nowMs(),
    });
    await worker.sendDue();
    expect(to(email)).toEqual([]);
    const { rows } = await scratch.db.query('SELECT * FROM notifications WHERE id = $1', [eventId]);
    expect(rows).toMatchObject([{ status: 'skipped', secret: null, destination: null }]);
    expect(JSON.stringify(rows)).not.toContain(token);
    expect(JSON.stringify(rows)).not.toContain(email);
  });

  it('of a token that expired while nothing was sent gets nothing any more', async () => {
    const userId = newId();
    const email = `${userId}@example.com`;
    const eventId = await happens('UserTokenIssued', {
      userId,
      tokenId: newId(),
      purpose: 'reset_password',
      token: randomUUID(),
      email,
      name: 'Ada',
      expiresAt: clock.nowMs() + 1_000,
    });
    clock.advanceMs(1_000);
    await worker.sendDue();
    expect(to(email)).toEqual([]);
    const { rows } = await scratch.db.query('SELECT * FROM notifications WHERE id = $1', [eventId]);
    expect(rows).toMatchObject([
      { status: 'failed', results: [{ reason: 'gave_up' }], secret: null, destination: null },
    ]);
  });

  it('who is a guest is forgotten when the contact is as old as it is kept, and not before', async () => {
    const [old, young] = [newId(), newId()];
    const contact = (orderId: string) => ({ orderId, email: `${orderId}@example.com`, name: 'Bob' });
    await happens('GuestContactGiven', contact(old));
    clock.advanceMs(10_000);
    await happens('GuestContactGiven', contact(young));
    const sweep = createGuestSweep(host, scratch.db, contactStore, 10_000);
    const kept = async () =>
      (
        await scratch.db.query<{ orderId: string }>(
          'SELECT order_id AS "orderId" FROM guest_contacts WHERE order_id = ANY ($1)',
          [[old, young]],
        )
      ).rows.map(({ orderId }) => orderId);
    const sweepOnce = async () => {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
      await sweep.start();
      vi.advanceTimersByTime(3_600_000);
      await sweep.stop();
      vi.useRealTimers();
    };
    await sweepOnce();
    expect((await kept()).toSorted()).toEqual([old, young].toSorted());
    clock.advanceMs(1);
    await sweepOnce();
    expect(await kept()).toEqual([young]);
  });

  it('who works for the shop hears of low stock, and whoever asked that a product is back', async () => {
    const [staff, first, former, asker] = [
      await newUser(),
      await newUser(),
      await newUser(),
      await newUser(),
    ];
    await happens('UserRegistered', { userId: staff.userId, roles: ['customer'] });
    await happens('UserRolesChanged', { userId: staff.userId, roles: ['support'] });
    // As the user service opens the account of a new shop's administrator.
    await happens('UserRegistered', { userId: first.userId, roles: ['admin'] });
    await happens('UserRolesChanged', { userId: former.userId, roles: ['admin'] });
    await happens('UserRolesChanged', { userId: former.userId, roles: ['customer'] });
    const productId = newId();
    await happens('ProductCreated', { productId, version: 1, name: 'Lamp & Co' });
    const low = { productId, available: 2, lowStockThreshold: 5, stockVersion: 3 };
    const eventId = await happens('LowStock', low);
    await happens('LowStock', low, eventId);
    await happens('BackInStock', { productId, userId: asker.userId, available: 7 });
    await worker.sendDue();
    expect(to(staff.email).map(({ subject }) => subject)).toEqual(['Low stock: Lamp & Co']);
    expect(to(first.email).map(({ subject }) => subject)).toEqual(['Low stock: Lamp & Co']);
    expect(to(former.email)).toEqual([]);
    expect(to(asker.email).map(({ subject }) => subject)).toEqual(['Lamp & Co is there again']);
  });
});

it('staff whose erasure is read before their roles, which are on another topic, are staff no more', async () => {
  const { userId } = await newUser();
  await happens('UserContactErased', { userId });
  await happens('UserRegistered', { userId, roles: ['admin'] });
  await happens('UserRolesChanged', { userId, roles: ['support'] });
  expect(await contactStore.staffIds(scratch.db)).not.toContain(userId);
});

describe('SMS and push', () => {
  const shipped = (userId: string) => ({ orderId: newId(), userId, carrier: null, trackingNumber: 'X1' });
  const newDevice = (endpoint: string) => {
    const ecdh = createECDH('prime256v1');
    return {
      deviceId: newId(),
      endpoint,
      p256dh: ecdh.generateKeys('base64url'),
      auth: randomBytes(16).toString('base64url'),
    };
  };
  const pushService = () => `https://push.example.com:${portOf(tls)}/send`;

  it('have the forms of their protocols', async () => {
    const { userId } = await newUser({ phone: '+447700900123', devices: [newDevice(pushService())] });
    await happens('OrderShipped', shipped(userId));
    await worker.sendDue();
    const push = posted.find(({ path }) => path === '/send');
    const sms = posted.find((one) => one !== push);
    expect(sms?.path).toBe('/2010-04-01/Accounts/AC1/Messages.json');
    expect(sms?.headers.authorization).toBe(`Basic ${Buffer.from('AC1:secret').toString('base64')}`);
    const form = new URLSearchParams(sms?.body);
    expect([form.get('To'), form.get('From')]).toEqual(['+447700900123', '+44100']);
    expect(form.get('Body')).toContain('X1');
    expect(push?.headers).toMatchObject({ 'content-encoding': 'aes128gcm', ttl: '86400' });
    expect(push?.headers.authorization).toMatch(/^vapid t=/);
    expect(await historyOf(userId)).toMatchObject([
      { status: 'sent', channels: [{ channel: 'email' }, { channel: 'sms' }, { channel: 'push' }] },
    ]);
  });

  it.each([503, 429])(
    'that fail with %i are tried again alone; what has arrived is not sent again',
    async (status) => {
      const { userId, email } = await newUser({
        phone: '+447700900123',
        devices: [newDevice(pushService())],
      });
      await happens('OrderShipped', shipped(userId));
      httpStatus = status;
      await worker.sendDue();
      expect(await historyOf(userId)).toMatchObject([
        { status: 'pending', channels: [{ channel: 'email', status: 'sent' }] },
      ]);
      httpStatus = 201;
      clock.advanceMs(10_000);
      await worker.sendDue();
      clock.advanceMs(10_000);
      await worker.sendDue();
      expect(to(email)).toHaveLength(1);
      expect(posted).toHaveLength(4);
      expect(await historyOf(userId)).toMatchObject([{ status: 'sent', channels: [{}, {}, {}] }]);
    },
  );

  it('that are refused are not tried again', async () => {
    const { userId } = await newUser({ phone: '+447700900123', devices: [newDevice(pushService())] });
    await happens('OrderShipped', shipped(userId));
    httpStatus = 410;
    await worker.sendDue();
    expect(await historyOf(userId)).toMatchObject([
      { status: 'sent', channels: [{ status: 'sent' }, { reason: 'sms_410' }, { reason: 'device_gone' }] },
    ]);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    [
      'breaks off',
      (response) =>
        void response.writeHead(201, { 'content-length': 9 }).write('x', () => response.destroy()),
    ],
    [
      'does not end',
      (response) => {
        const going = setInterval(() => response.write('x'), 20);
        response.writeHead(201).once('close', () => clearInterval(going));
      },
    ],
  ])('have arrived where the answer of the push service %s', async (_, answer) => {
    const { userId } = await newUser({ devices: [newDevice(pushService())] });
    pushAnswer = answer;
    const own = newWorker({}, openChannels(500));
    await happens('OrderShipped', shipped(userId));
    await own.sendDue();
    expect(await historyOf(userId)).toMatchObject([
      { status: 'sent', channels: [{}, {}, { channel: 'push', status: 'sent' }] },
    ]);
    await own.stop();
  });

  it('do not keep others waiting for a push service that does not answer', async () => {
    const [slow, other] = [await newUser({ devices: [newDevice(pushService())] }), await newUser()];
    const kept: ServerResponse[] = [];
    pushAnswer = (response) => void kept.push(response);
    const own = newWorker({}, openChannels(60_000));
    await happens('OrderShipped', shipped(slow.userId));
    await own.start();
    await eventually(() => kept.length === 1);
    await happens('OrderConfirmed', confirmed(other.userId));
    own.ring();
    await eventually(() => to(other.email).length === 1);
    expect(await historyOf(slow.userId)).toMatchObject([{ status: 'pending' }]);
    for (const response of kept) response.writeHead(201).end();
    await own.stop();
    expect(await historyOf(slow.userId)).toMatchObject([{ status: 'sent' }]);
  });

  it('are not begun again while a slow provider still has them, however long that takes', async () => {
    const { userId } = await newUser({ devices: [newDevice(pushService())] });
    const asked: ServerResponse[] = [];
    pushAnswer = (response) => {
      if (asked.push(response) > 1) response.writeHead(201).end();
    };
    const own = newWorker({}, openChannels(60_000));
    await happens('OrderShipped', shipped(userId));
    const sending = own.sendDue();
    await eventually(() => asked.length === 1);
    for (let nth = 0; nth < 3; nth += 1) {
      clock.advanceMs(40_000);
      await own.sendDue();
    }
    await worker.sendDue();
    expect(asked).toHaveLength(1);
    asked[0]?.writeHead(201).end();
    await sending;
    expect(await historyOf(userId)).toMatchObject([{ status: 'sent' }]);
    await own.stop();
  });

  it.each<[string, Agent]>([
    ['does not answer in time', new Agent({ rejectUnauthorized: false, lookup: toThisMachine })],
    [
      'is not found because no name server answers',
      new Agent({
        lookup: (name, _options, done) =>
          done(Object.assign(new Error(`getaddrinfo EAI_AGAIN ${name}`), { code: 'EAI_AGAIN' }), '', 4),
      }),
    ],
  ])('are tried again where the push service %s', async (_, agent) => {
    pushAnswer = () => {};
    const push = createPush(() => ({ ...vapid, subject: 'mailto:shop@example.com' }), agent, 200);
    const device = newDevice(pushService());
    const sent = push.send(
      { subject: 'x', text: 'x', html: 'x', short: 'x' },
      { channel: 'push', key: device.deviceId, device },
      newId(),
    );
    await expect(sent).rejects.toMatchObject({ retriable: true });
    await push.close();
  });

  it('are refused where the keys of the device are none', async () => {
    const push = createPush(() => ({ ...vapid, subject: 'mailto:shop@example.com' }));
    const device = { ...newDevice('https://push.example.com/x'), p256dh: 'x' };
    const message = { subject: 'x', text: 'x', html: 'x', short: 'x' };
    const answer = await push.send(message, { channel: 'push', key: device.deviceId, device }, newId());
    expect(answer).toEqual({ status: 'refused', reason: 'device_invalid' });
  });

  it.each(['https://127.0.0.1/x', 'https://[::1]/x', 'https://10.0.0.1/x', 'https://localhost/x'])(
    'do not call %s, which is an address of the own network',
    async (endpoint) => {
      const push = createPush(() => ({ ...vapid, subject: 'mailto:shop@example.com' }));
      const device = newDevice(endpoint);
      const message = { subject: 'x', text: 'x', html: 'x', short: 'x' };
      const answer = await push.send(message, { channel: 'push', key: device.deviceId, device }, newId());
      expect(answer).toEqual({ status: 'refused', reason: 'inner_address' });
    },
  );
});

describe('staff', () => {
  it('send a message to a user, once for each key', async () => {
    const { userId, email } = await newUser();
    const message = { userId, subject: 'Your parcel', text: 'It was found.\n\n<Bye>', channels: ['email'] };
    const send = (payload: object, headers = {}) =>
      ask('POST', '/api/notifications/send', `support ${newId()}`, payload, headers);
    const key = { 'idempotency-key': randomUUID(), authorization: `Bearer support ${newId()}` };
    const [first, again] = [await send(message, key), await send(message, key)];
    expect(first).toMatchObject({ status: 202, body: { status: 'pending' } });
    expect(again.body.id).toBe(first.body.id);
    await worker.sendDue();
    expect(to(email).map(({ subject }) => subject)).toEqual(['Your parcel']);
    expect(to(email)[0]?.html).toContain('<p>&lt;Bye&gt;</p>');
    expect((await send({ ...message, userId: newId() })).status).toBe(404);
    expect((await send({ ...message, subject: 'two\nlines' })).status).toBe(400);
    expect((await send({ ...message, channels: ['pigeon'] })).status).toBe(400);
    expect((await ask('POST', '/api/notifications/send', `customer ${userId}`, message)).status).toBe(403);
  });

  it('send a message to who has just registered, before the event of it has arrived', async () => {
    const userId = newId();
    onAwaited = async () => void (await newUser({ userId } as object));
    const message = { userId, subject: 'Welcome', text: 'Hello.' };
    const sent = await ask('POST', '/api/notifications/send', `support ${newId()}`, message);
    onAwaited = undefined;
    expect(sent).toMatchObject({ status: 202, body: { status: 'pending' } });
    expect(await historyOf(userId)).toMatchObject([{ template: 'message', id: sent.body.id }]);
  });

  it('cannot write to who was erased: no text is stored that nobody would ever get', async () => {
    const { userId } = await newUser();
    await happens('UserContactErased', { userId });
    const message = { userId, subject: 'Your parcel', text: 'It was found.' };
    const sent = await ask('POST', '/api/notifications/send', `support ${newId()}`, message);
    expect(sent).toMatchObject({ status: 404, body: { code: 'user_not_found' } });
    expect(await historyOf(userId)).toEqual([]);
  });

  it('see the newest first, whatever id it has', async () => {
    const { userId } = await newUser();
    await happens('OrderConfirmed', confirmed(userId));
    for (let nth = 0; nth < 3; nth += 1) {
      clock.advanceMs(10);
      // The id of a refund's message is a hash.
      await happens('PaymentRefunded', {
        orderId: newId(),
        refundId: newId(),
        amountMinor: 1,
        currency: 'GBP',
      });
      clock.advanceMs(10);
      await happens('OrderDelivered', { orderId: newId(), userId });
    }
    const times: string[] = [];
    for (let next: string | null = '', pages = 0; next !== null && pages < 20; pages += 1) {
      const cursor = next === '' ? '' : `&cursor=${next}`;
      const answer = await ask('GET', `/api/notifications/history?limit=3${cursor}`, `admin ${newId()}`);
      times.push(...answer.body.items.map(({ occurredAt }) => String(occurredAt)));
      next = (answer.body as unknown as { next: string | null }).next;
    }
    expect(times.length).toBeGreaterThan(6);
    expect(times).toEqual(times.toSorted().reverse());
  });

  it('see everybody’s notifications, and those of one user', async () => {
    const { userId } = await newUser();
    await happens('OrderDelivered', { orderId: newId(), userId });
    const list = `/api/notifications/history?userId=${userId}&status=pending`;
    expect((await ask('GET', list, `admin ${newId()}`)).body.items).toHaveLength(1);
    expect((await ask('GET', list, `customer ${newId()}`)).status).toBe(403);
    expect((await ask('GET', '/api/notifications/history', `customer ${newId()}`)).body.items).toEqual([]);
  });
});
