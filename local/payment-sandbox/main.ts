import { createHmac, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as rest } from 'node:timers/promises';

/**
 * A payment provider in a process of its own, for development and tests. It speaks the part of Stripe's API that the
 * payment service uses: payment intents with manual capture, refunds, idempotency keys and signed webhooks. Books are
 * kept in memory.
 *
 *     SANDBOX_LATENCY_MS     before each answer, 0 if unset
 *     SANDBOX_FAILURES       the share of calls that are carried out and not answered, 0 to 1, 0 if unset
 *     SANDBOX_WEBHOOK_URL, SANDBOX_WEBHOOK_SECRET   where events are sent, signed as Stripe signs them
 *
 * It prints its address. `pm_card_visa` is good, `pm_card_chargeDeclined` is declined; `pm_processing` is processing
 * until `POST /_settle` and cannot be cancelled until then, `pm_requiresAction` waits for its buyer. Refunds to
 * `pm_card_pendingRefund` are pending until `POST /_settle`, and those to `pm_card_refundFail` fail. `GET /_books`
 * counts what happened. `POST /_forget` forgets the idempotency keys, as a day does; `POST /_lose` carries the next
 * call out and does not answer it; `POST /_fail-before` and `POST /_fail-after` answer the next capture with 500, before
 * or after it is carried out; `POST /_return` has the banks send back all that was refunded. What comes under an
 * idempotency key that it knows is answered as the first time, as Stripe does, also with 500.
 */
const latencyMs = Number(process.env.SANDBOX_LATENCY_MS ?? 0);
const failures = Number(process.env.SANDBOX_FAILURES ?? 0);
const { SANDBOX_WEBHOOK_URL: webhookUrl, SANDBOX_WEBHOOK_SECRET: webhookSecret } = process.env;

type Intent = {
  id: string;
  object: 'payment_intent';
  amount: number;
  amount_received: number;
  amount_refunded: number;
  currency: string;
  status: string;
  payment_method: string;
  metadata: Record<string, string>;
  last_payment_error: { code: string; decline_code: string } | null;
};
type Refund = {
  id: string;
  object: 'refund';
  status: string;
  amount: number;
  payment_intent: string;
  metadata: Record<string, string>;
};
type Answer = { status: number; body: object };

const intents = new Map<string, Intent>();
const refunds = new Map<string, Refund>();
const answers = new Map<string, Answer>();
const books = { authorized: 0, captured: 0, canceled: 0, refundedMinor: 0 };

const failed = (status: number, type: string, code: string, more: object = {}): Answer => ({
  status,
  body: { error: { type, code, message: code, ...more } },
});

const notify = async (type: string, object: Intent | Refund): Promise<void> => {
  if (webhookUrl === undefined || webhookSecret === undefined) return;
  const body = JSON.stringify({ id: `evt_${randomUUID()}`, object: 'event', type, data: { object } });
  const at = Math.floor(Date.now() / 1000);
  const signature = createHmac('sha256', webhookSecret).update(`${at}.${body}`).digest('hex');
  await fetch(webhookUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'stripe-signature': `t=${at},v1=${signature}` },
    body,
  }).catch(() => {});
};

const create = (form: URLSearchParams): Answer => {
  const method = form.get('payment_method') ?? '';
  if (!method.startsWith('pm_')) return failed(400, 'invalid_request_error', 'resource_missing');
  const intent: Intent = {
    id: `pi_${randomUUID().replaceAll('-', '')}`,
    object: 'payment_intent',
    amount: Number(form.get('amount')),
    amount_received: 0,
    amount_refunded: 0,
    currency: form.get('currency') ?? '',
    status: intentStatusOf[method] ?? 'requires_capture',
    payment_method: method,
    metadata: { key: form.get('metadata[key]') ?? '' },
    last_payment_error: null,
  };
  intents.set(intent.id, intent);
  if (intent.status === 'requires_payment_method') {
    const declined = { code: 'card_declined', decline_code: 'generic_decline' };
    intent.last_payment_error = declined;
    return failed(402, 'card_error', declined.code, { ...declined, payment_intent: { ...intent } });
  }
  if (intent.status === 'requires_capture') authorize(intent);
  return { status: 200, body: { ...intent } };
};

const intentStatusOf: Record<string, string> = {
  pm_card_chargeDeclined: 'requires_payment_method',
  pm_processing: 'processing',
  pm_requiresAction: 'requires_action',
};

const authorize = (intent: Intent): void => {
  intent.status = 'requires_capture';
  books.authorized += 1;
  void notify('payment_intent.amount_capturable_updated', intent);
};

const move = (intent: Intent, to: 'succeeded' | 'canceled', form: URLSearchParams): Answer => {
  const isHeld = intent.status === 'requires_capture';
  const isWaiting = intent.status === 'requires_action' || intent.status === 'requires_payment_method';
  if (!isHeld && !(to === 'canceled' && isWaiting))
    return failed(400, 'invalid_request_error', 'payment_intent_unexpected_state');
  const amount = Number(form.get('amount_to_capture') ?? intent.amount);
  if (amount > intent.amount) return failed(400, 'invalid_request_error', 'amount_too_large');
  intent.status = to;
  if (to === 'succeeded') intent.amount_received = amount;
  if (isHeld) books[to === 'succeeded' ? 'captured' : 'canceled'] += 1;
  void notify(`payment_intent.${to}`, intent);
  return { status: 200, body: { ...intent } };
};

let captureFails: 'before' | 'after' | undefined;

const capture = (intent: Intent, form: URLSearchParams): Answer => {
  const fails = captureFails;
  captureFails = undefined;
  const broken = failed(500, 'api_error', 'internal');
  if (fails === 'before') return broken;
  const answer = move(intent, 'succeeded', form);
  return fails === 'after' ? broken : answer;
};

const refund = (form: URLSearchParams): Answer => {
  const intent = intents.get(form.get('payment_intent') ?? '');
  const amount = Number(form.get('amount'));
  if (intent?.status !== 'succeeded' || intent.amount_refunded + amount > intent.amount_received)
    return failed(400, 'invalid_request_error', 'charge_already_refunded');
  const made: Refund = {
    id: `re_${randomUUID().replaceAll('-', '')}`,
    object: 'refund',
    status: refundStatusOf[intent.payment_method] ?? 'succeeded',
    amount,
    payment_intent: intent.id,
    metadata: { key: form.get('metadata[key]') ?? '' },
  };
  refunds.set(made.id, made);
  if (made.status === 'failed') return { status: 200, body: { ...made } };
  intent.amount_refunded += amount;
  books.refundedMinor += amount;
  return { status: 200, body: { ...made } };
};

const refundStatusOf: Record<string, string> = {
  pm_card_pendingRefund: 'pending',
  pm_card_refundFail: 'failed',
};

const settle = (): Answer => {
  for (const intent of intents.values()) if (intent.status === 'processing') authorize(intent);
  for (const refund of refunds.values())
    if (refund.status === 'pending') {
      refund.status = 'succeeded';
      void notify('refund.updated', refund);
    }
  return { status: 200, body: {} };
};

const sendBack = (): Answer => {
  for (const refund of refunds.values())
    if (refund.status === 'succeeded') {
      refund.status = 'failed';
      const intent = intents.get(refund.payment_intent);
      if (intent !== undefined) intent.amount_refunded -= refund.amount;
      books.refundedMinor -= refund.amount;
      void notify('refund.failed', refund);
    }
  return { status: 200, body: {} };
};

let lost = 0;

/** The steps of a test that stands for the world around a provider. */
const control = (path: string): Answer | undefined => {
  if (path === '/_books') return { status: 200, body: books };
  if (path === '/_settle') return settle();
  if (path === '/_return') return sendBack();
  if (path === '/_forget') answers.clear();
  else if (path === '/_lose') lost += 1;
  else if (path === '/_fail-before') captureFails = 'before';
  else if (path === '/_fail-after') captureFails = 'after';
  else return undefined;
  return { status: 200, body: {} };
};

const refundsOf = (intentId: string | null): Answer => ({
  status: 200,
  body: {
    object: 'list',
    url: '/v1/refunds',
    has_more: false,
    data: [...refunds.values()].filter(({ payment_intent }) => payment_intent === intentId),
  },
});

const answerOf = (method: string, path: string, form: URLSearchParams): Answer => {
  const controlled = control(path);
  if (controlled !== undefined) return controlled;
  if (method === 'GET' && path === '/v1/payment_intents/search') {
    const key = /'([^']+)'$/.exec(form.get('query') ?? '')?.[1];
    const data = [...intents.values()].filter(({ metadata }) => metadata.key === key);
    return { status: 200, body: { object: 'search_result', data, has_more: false } };
  }
  const [, , , id = '', action] = path.split('/');
  const intent = intents.get(id);
  if (method === 'POST' && path === '/v1/payment_intents') return create(form);
  if (path === '/v1/refunds') return method === 'POST' ? refund(form) : refundsOf(form.get('payment_intent'));
  const made = refunds.get(id);
  if (made !== undefined) return { status: 200, body: { ...made } };
  if (intent === undefined) return failed(404, 'invalid_request_error', 'resource_missing');
  if (method === 'GET') return { status: 200, body: { ...intent } };
  return action === 'capture' ? capture(intent, form) : move(intent, 'canceled', form);
};

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let body = '';
  for await (const piece of request) body += String(piece);
  return body;
};

const server = createServer(async (request, response) => {
  const key = request.headers['idempotency-key'];
  const { method = 'GET', url = '/' } = request;
  const body = await bodyOf(request);
  const form = new URLSearchParams(method === 'GET' ? (url.split('?')[1] ?? '') : body);
  const known = typeof key === 'string' ? answers.get(key) : undefined;
  const answer = known ?? answerOf(method, url.split('?')[0] ?? '/', form);
  if (typeof key === 'string') answers.set(key, answer);
  await rest(latencyMs);
  const isLost = url.startsWith('/v1/') && (lost > 0 || Math.random() < failures);
  if (isLost) {
    lost = Math.max(0, lost - 1);
    request.socket.destroy();
    return;
  }
  response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
});
server.listen(Number(process.env.SANDBOX_PORT ?? 0), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once('SIGTERM', () => server.close(() => process.exit(0)));
