import type { Metrics } from '#platform/telemetry/metrics';
import type { Circuit, CircuitState } from '#platform/waiting/circuit';

/** As breakers are usually shown. */
const values: Readonly<Record<CircuitState, number>> = { closed: 0, open: 1, half_open: 2 };

/** Shows the state of each circuit under its name, as it is when the metrics are read. */
export const createCircuitGauge = (
  metrics: Pick<Metrics, 'gauge' | 'beforeRender'>,
): ((name: string, circuit: Circuit) => void) => {
  const gauge = metrics.gauge('circuit_breaker_state', '0 closed, 1 open, 2 half open.', ['circuit']);
  return (name, circuit) => {
    metrics.beforeRender(() => gauge.set({ circuit: name }, values[circuit.state()]));
  };
};
