import { assert } from '#platform/assert';
import type { ProviderAnswer } from './payment.js';
import type { FinalAnswer, FoundCall, PaymentProvider } from './provider.js';
import { authorizationKeyOf, type ClaimedCall, keyOf } from './provider-calls.js';

/**
 * The provider's answer to the call; throws where it does not answer. If the call was made before, its outcome is
 * looked up by its key first. Where there is nothing to pay it is not asked: providers refuse such a sum.
 */
export const askProvider = async (
  provider: PaymentProvider,
  call: ClaimedCall,
  signal: AbortSignal,
): Promise<ProviderAnswer> => {
  if (call.amountMinor === 0) return answerForNothing(call);
  if (call.kind === 'authorize' && call.cancelledFor !== null)
    return { to: 'authorize', outcome: 'inconclusive' };
  if (call.attempts > 1 && call.kind !== 'void') {
    const { key, kind } = call;
    const found = await provider.find({ key, kind, captureKey: keyOf('capture', call) }, signal);
    if (found !== null) return answerFound(call, found);
  }
  return send(provider, call, signal);
};

const answerForNothing = (call: ClaimedCall): ProviderAnswer => {
  switch (call.kind) {
    case 'authorize':
    case 'renew':
      return { to: call.kind, outcome: 'authorized' };
    case 'void':
      return { to: 'void', outcome: 'voided' };
    case 'capture':
      return captureAnswer({ outcome: 'done' });
    case 'refund':
      return refundAnswer(call, { outcome: 'done' });
    default:
      return call.kind satisfies never;
  }
};

const send = async (
  provider: PaymentProvider,
  call: ClaimedCall,
  signal: AbortSignal,
): Promise<ProviderAnswer> => {
  const { key, kind, amountMinor, currency, method } = call;
  switch (kind) {
    case 'authorize': {
      assert(call.token !== null, 'a payment to be authorised has its token');
      const answer = await provider.authorize(
        { key, amountMinor, currency, method, token: call.token },
        signal,
      );
      return { to: kind, ...answer };
    }
    case 'renew': {
      const authorizationKey = keyOf('authorize', call);
      const answer = await provider.renew({ key, authorizationKey, amountMinor, currency, method }, signal);
      return { to: kind, ...answer };
    }
    case 'capture': {
      const authorizationKey = authorizationKeyOf(call);
      return captureAnswer(await provider.capture({ key, authorizationKey, amountMinor, currency }, signal));
    }
    case 'void': {
      const gaveBack = await provider.void({ key, authorizationKey: keyOf('authorize', call) }, signal);
      return { to: kind, outcome: gaveBack ? 'voided' : 'nothing_to_void' };
    }
    case 'refund': {
      const captureKey = keyOf('capture', call);
      return refundAnswer(call, await provider.refund({ key, captureKey, amountMinor, currency }, signal));
    }
    default:
      return kind satisfies never;
  }
};

const answerFound = (call: ClaimedCall, found: FoundCall): ProviderAnswer => {
  if (call.kind === 'authorize' || call.kind === 'renew') {
    assert(found.outcome === 'authorized' || found.outcome === 'declined', `${call.key} is an authorisation`);
    return { to: call.kind, ...found };
  }
  assert(found.outcome === 'done' || found.outcome === 'refused', `${call.key} is no authorisation`);
  return call.kind === 'capture' ? captureAnswer(found) : refundAnswer(call, found);
};

const captureAnswer = (answer: FinalAnswer): ProviderAnswer =>
  answer.outcome === 'done' ? { to: 'capture', outcome: 'captured' } : { to: 'capture', ...answer };

const refundAnswer = ({ refundId }: ClaimedCall, answer: FinalAnswer): ProviderAnswer => {
  assert(refundId !== null, 'a refund has its id');
  return answer.outcome === 'done'
    ? { to: 'refund', outcome: 'refunded', refundId }
    : { to: 'refund', ...answer, refundId };
};
