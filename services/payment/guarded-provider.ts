import type { Metrics } from '#platform/service-host';
import { type CircuitState, createCircuit } from './circuit.js';
import { NotYet, type PaymentProvider } from './provider.js';

const failuresMax = 5;
const openMs = 60_000;
const fullRestMs = 100;

type GuardOptions = {
  metrics: Pick<Metrics, 'gauge'>;
  monotonicMs: () => number;
  /** The most calls to this provider at once: one that hangs does not take the places of the others. */
  callsConcurrentMax: number;
};

/**
 * A provider behind a circuit breaker and a bulkhead. While the provider is down its calls wait in the table of calls,
 * which is the queue; they are made when one call has found it up again.
 */
export const guardProviders = (
  providers: readonly PaymentProvider[],
  { metrics, monotonicMs, callsConcurrentMax }: GuardOptions,
): Map<string, PaymentProvider> => {
  const states = metrics.gauge('circuit_breaker_state', '0 closed, 1 open, 2 half open.', ['circuit']);
  return new Map(
    providers.map((provider) => {
      const show = (state: CircuitState): void => states.set({ circuit: provider.name }, state);
      show(0);
      return [provider.name, guarded(provider, { show, monotonicMs, callsConcurrentMax })];
    }),
  );
};

const guarded = (
  provider: PaymentProvider,
  {
    show,
    monotonicMs,
    callsConcurrentMax,
  }: { show: (state: CircuitState) => void; monotonicMs: () => number; callsConcurrentMax: number },
): PaymentProvider => {
  const circuit = createCircuit({ failuresMax, openMs, monotonicMs });
  let running = 0;

  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    if (running >= callsConcurrentMax) throw new NotYet(provider.name, 'too many calls at once', fullRestMs);
    const restMs = circuit.restMs();
    show(circuit.state());
    if (restMs > 0) throw new NotYet(provider.name, 'its circuit is open', restMs);
    running += 1;
    try {
      const answer = await call();
      circuit.succeed();
      return answer;
    } catch (error) {
      if (!(error instanceof NotYet) && (provider.isDown?.(error) ?? true)) circuit.fail();
      else circuit.succeed();
      throw error;
    } finally {
      running -= 1;
      show(circuit.state());
    }
  };

  return {
    ...provider,
    authorize: (request, signal) => through(() => provider.authorize(request, signal)),
    renew: (request, signal) => through(() => provider.renew(request, signal)),
    capture: (request, signal) => through(() => provider.capture(request, signal)),
    void: (request, signal) => through(() => provider.void(request, signal)),
    refund: (request, signal) => through(() => provider.refund(request, signal)),
    find: (call, signal) => through(() => provider.find(call, signal)),
  };
};
