import { expect, test } from 'vitest';
import { askProvider } from './ask-provider.js';
import { decide, evolve, isRefusal, type Payment, type PaymentCommand } from './payment.js';
import type { PaymentProvider } from './provider.js';
import type { ClaimedCall } from './provider-calls.js';

const known = { orderId: 'order-1', paymentId: 'payment-1' };
const charge = {
  userId: null,
  amountMinor: 0,
  currency: 'EUR',
  method: 'card',
  provider: null,
  token: 'tok_ok',
};
const kindOf = new Map<string, ClaimedCall['kind']>([
  ['AuthorizationDue', 'authorize'],
  ['CaptureDue', 'capture'],
  ['VoidDue', 'void'],
]);
/** As Stripe does, which takes no such sum. */
const refusing = new Proxy({} as PaymentProvider, {
  get: () => () => Promise.reject(new Error('the provider was asked')),
});

/** What becomes of an order of nothing, and of the events that say so. */
const follow = async (...ends: PaymentCommand[]): Promise<string[]> => {
  let payment: Payment = { status: 'new' };
  const said: string[] = [];
  const apply = async (command: PaymentCommand): Promise<void> => {
    const decision = decide(command, payment);
    if (isRefusal(decision)) throw new Error(decision.refused);
    for (const event of decision) {
      payment = evolve(payment, event);
      if ('data' in event) said.push(event.type);
    }
    for (const { type } of decision) {
      const kind = kindOf.get(type);
      if (kind === undefined) continue;
      const call = { ...known, ...charge, kind, attempts: 1, cancelledFor: null } as unknown as ClaimedCall;
      const answer = await askProvider(refusing, call, new AbortController().signal);
      await apply({ type: 'NoteAnswer', answer, nowMs: 1 });
    }
  };
  await apply({ type: 'NoteInstruction', known, charge });
  await apply({ type: 'NoteStockReserved', known });
  for (const end of ends) await apply(end);
  return said;
};

test('an order of nothing is paid, or given free, without asking a provider', async () => {
  expect(await follow({ type: 'CapturePayment' })).toEqual(['PaymentAuthorized', 'PaymentCaptured']);
  expect(await follow({ type: 'CancelPayment', known, reason: 'customer', nowMs: 1 })).toEqual([
    'PaymentAuthorized',
    'PaymentVoided',
  ]);
});
