import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = {
  /** Returns the same metric for the same name. */
  counter(name: string, help: string, labels?: readonly string[]): Counter<string>;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge<string>;
  /** `buckets` in the unit the name ends with (seconds: 5 ms to 10 s if unset). */
  histogram(
    name: string,
    help: string,
    labels?: readonly string[],
    buckets?: readonly number[],
  ): Histogram<string>;
  /**
   * Runs `update` before every rendering, for gauges whose values are kept elsewhere. Returns a function that ends
   * that.
   */
  beforeRender(update: () => void): () => void;
  /** The Prometheus text of this service's metrics, and of the process it runs in. */
  render(): Promise<string>;
  readonly contentType: string;
};

let processRegistry: Registry | undefined;

/** Memory, CPU, event loop and garbage collection of the process: measured once, rendered by each service in it. */
const processMetrics = (): Registry => {
  if (processRegistry === undefined) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry });
  }
  return processRegistry;
};

/** Each service has a registry of its own, so that several in one process do not count into each other's metrics. */
export const createMetrics = (service: string): Metrics => {
  const registry = new Registry();
  const known = new Map<string, Counter<string> | Gauge<string> | Histogram<string>>();
  const once = <M extends Counter<string> | Gauge<string> | Histogram<string>>(
    kind: abstract new (...args: never[]) => M,
    name: string,
    make: () => M,
  ): M => {
    const existing = known.get(name);
    if (existing !== undefined) {
      if (existing instanceof kind) return existing;
      throw new Error(`metric ${name} of ${service} already exists as another kind`);
    }
    const metric = make();
    known.set(name, metric);
    return metric;
  };
  const registers = [registry];
  const updates = new Set<() => void>();
  return {
    counter: (name, help, labels = []) =>
      once(Counter, name, () => new Counter({ name, help, labelNames: [...labels], registers })),
    gauge: (name, help, labels = []) =>
      once(Gauge, name, () => new Gauge({ name, help, labelNames: [...labels], registers })),
    histogram: (name, help, labels = [], buckets) =>
      once(
        Histogram,
        name,
        () =>
          new Histogram({
            name,
            help,
            labelNames: [...labels],
            registers,
            ...(buckets === undefined ? {} : { buckets: [...buckets] }),
          }),
      ),
    beforeRender: (update) => {
      updates.add(update);
      return () => void updates.delete(update);
    },
    render: async () => {
      for (const update of updates) update();
      return `${await registry.metrics()}\n${await processMetrics().metrics()}`;
    },
    contentType: registry.contentType,
  };
};
