import type { Metrics } from '#platform/service-host';
import { createCircuitGauge } from '#platform/telemetry/circuit-gauge';
import { createAdmission } from '#platform/waiting/admission';
import { type Circuit, createCircuit } from '#platform/waiting/circuit';
import { NotYet, type PaymentProvider } from './provider.js';

const failuresMax = 5;
const openMs = 60_000;
const fullRestMs = 100;

type GuardOptions = {
  metrics: Pick<Metrics, 'gauge' | 'beforeRender'>;
  monotonicMs: () => number;
  /** The most calls to this provider at once. Where it hangs, its circuit leaves the worker's places to the others. */
  callsConcurrentMax: number;
};

/** `isAway` while its circuit is open. */
export type GuardedProvider = PaymentProvider & { isAway(): boolean };

/**
 * Puts a provider behind a circuit breaker and a bulkhead. While the provider is down its calls wait in the table of
 * calls, which is the queue; they are made when one call has found it up again.
 */
export const providerGuard = ({
  metrics,
  monotonicMs,
  callsConcurrentMax,
}: GuardOptions): ((provider: PaymentProvider) => GuardedProvider) => {
  const show = createCircuitGauge(metrics);
  return (provider) => {
    const circuit = createCircuit({ failuresMax, openMs, monotonicMs });
    show(provider.name, circuit);
    return guarded(provider, circuit, callsConcurrentMax);
  };
};

const guarded = (
  provider: PaymentProvider,
  circuit: Circuit,
  callsConcurrentMax: number,
): GuardedProvider => {
  const calls = createAdmission(callsConcurrentMax);

  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    // Nothing waits for a place: who finds none tries again later.
    if (calls.running >= callsConcurrentMax)
      throw new NotYet(provider.name, 'too many calls at once', fullRestMs);
    const restMs = circuit.restMs();
    if (restMs > 0) throw new NotYet(provider.name, 'its circuit is open', restMs);
    return calls.run(async () => {
      try {
        const answer = await call();
        circuit.succeed();
        return answer;
      } catch (error) {
        if (!(error instanceof NotYet) && (provider.isDown?.(error) ?? true)) circuit.fail();
        else circuit.succeed();
        throw error;
      }
    });
  };

  return {
    ...provider,
    isAway: () => circuit.state() === 'open',
    authorize: (request, signal) => through(() => provider.authorize(request, signal)),
    renew: (request, signal) => through(() => provider.renew(request, signal)),
    capture: (request, signal) => through(() => provider.capture(request, signal)),
    void: (request, signal) => through(() => provider.void(request, signal)),
    refund: (request, signal) => through(() => provider.refund(request, signal)),
    find: (call, signal) => through(() => provider.find(call, signal)),
  };
};
