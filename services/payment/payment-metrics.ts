import type { Metrics } from '#platform/service-host';
import type { ProviderAnswer } from './payment.js';
import type { ClaimedCall } from './provider-calls.js';

export type PaymentMetrics = {
  observe(call: ClaimedCall, answer: ProviderAnswer, nowMs: number): void;
  /** Counts a call without an answer. */
  failed(call: ClaimedCall): void;
};

export const createPaymentMetrics = (metrics: Metrics): PaymentMetrics => {
  const processed = metrics.counter('payments_processed_total', 'Authorisations answered by the provider.', [
    'method',
    'status',
  ]);
  const failures = metrics.counter(
    'payments_failed_total',
    'Authorisations declined, captures and refunds refused for good, and calls to the provider without an answer.',
    ['reason'],
  );
  const amounts = metrics.histogram(
    'payment_amounts',
    'Amounts captured, in minor units.',
    [],
    [500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 500_000],
  );
  const duration = metrics.histogram(
    'payment_processing_duration_seconds',
    'From an authorisation falling due to its answer.',
    [],
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900],
  );

  return {
    observe: (call, answer, nowMs) => {
      if (answer.to === 'capture' && answer.outcome === 'captured') amounts.observe(call.amountMinor);
      if (answer.to !== 'authorize' && 'reason' in answer) failures.inc({ reason: answer.reason });
      if (answer.to !== 'authorize' || answer.outcome === 'inconclusive') return;
      const isDeclined = answer.outcome === 'declined';
      processed.inc({ method: call.method, status: isDeclined ? 'failure' : 'success' });
      if (isDeclined) failures.inc({ reason: answer.reason });
      duration.observe(Math.max(0, nowMs - call.dueSinceMs) / 1000);
    },
    failed: () => failures.inc({ reason: 'provider_unavailable' }),
  };
};
