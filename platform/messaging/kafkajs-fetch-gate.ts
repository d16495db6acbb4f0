import { idleFetchWaitMs } from '#platform/messaging/broker-options';
import { endsWithin } from '#platform/waiting/deadline';
import { createSpacing } from '#platform/waiting/spacing';

/** Says when one consumer's fetches may run. */
export type FetchGate = {
  /** Fetches wait from now on, because an assignment has not begun. */
  close(): void;
  open(): void;
  /** For a consumer that leaves: a fetch that waits at the broker ends at once, without records. */
  abandon(): void;
  /** Hooks the gate into the consumer's own kafkajs 2.2.4 cluster. */
  attach(cluster: unknown): void;
};

type Response = { responses: unknown[] };
type Request = { maxWaitTime: number };
type Fetcher = { fetch(request: Request): Promise<Response> };
type Cluster = {
  refreshMetadataIfNecessary(): Promise<void>;
  findBroker(which: unknown): Promise<Fetcher>;
};

/** A fetch that returned so much was not of single records: there may be a backlog, so the next one does not wait. */
const manyBytes = 256 * 1024;

/** After so many that returned nothing, one after the other. */
const idleFetches = 2;

/** A fetch goes on after this long, so that kafkajs sends its heartbeat also while an assignment waits for an engine. */
const closedMsMax = 1_000;

/**
 * kafkajs asks for records as soon as it has joined, finds every partition paused, and sleeps for the whole wait of a
 * fetch: each start and each rebalance cost a second. And a consumer that leaves waits for its running fetch, which the
 * broker holds for as long. Each fetch begins with a look at the metadata's age, so that is where it waits instead,
 * also for `fetchSpacingMs` to pass since the last fetch began, unless that one returned much.
 *
 * Once fetches have found nothing the next ones may wait `idleFetchWaitMs` at the broker, unless `isPaused` says that a
 * partition, which may be resumed meanwhile, is not in the request.
 */
export const createFetchGate = (fetchSpacingMs = 0, isPaused: () => boolean = () => true): FetchGate => {
  const spacing = createSpacing(fetchSpacingMs);
  /** Undefined while the gate is open. */
  let opened: PromiseWithResolvers<void> | undefined;
  let isAbandoned = false;
  /** Ends the fetches that run. A promise that lived as long as the consumer would keep every response it was raced with. */
  const running = new Set<() => void>();
  const gated = new WeakSet<Fetcher>();
  const open = () => {
    opened?.resolve();
    opened = undefined;
  };
  return {
    close: () => {
      if (!isAbandoned) opened ??= Promise.withResolvers<void>();
    },
    open,
    abandon: () => {
      open();
      isAbandoned = true;
      for (const end of running) end();
    },
    attach: (cluster) => {
      const hooked = cluster as Cluster;
      const refresh = hooked.refreshMetadataIfNecessary.bind(hooked);
      hooked.refreshMetadataIfNecessary = async () => {
        if (opened !== undefined) await endsWithin(closedMsMax, opened.promise);
        if (fetchSpacingMs > 0 && !isAbandoned) await spacing.next();
        await refresh();
      };
      const find = hooked.findBroker.bind(hooked);
      hooked.findBroker = async (which) => {
        const broker = await find(which);
        if (!gated.has(broker)) {
          gated.add(broker);
          const fetch = broker.fetch.bind(broker);
          let emptyInARow = 0;
          broker.fetch = (request) =>
            new Promise((resolve, reject) => {
              const end = () => resolve({ responses: [] });
              running.add(end);
              const isIdle = emptyInARow >= idleFetches && !isPaused();
              fetch(isIdle ? { ...request, maxWaitTime: idleFetchWaitMs } : request)
                .then((response) => {
                  const bytes = bytesOf(response);
                  emptyInARow = bytes === 0 ? emptyInARow + 1 : 0;
                  if (fetchSpacingMs > 0 && bytes >= manyBytes) spacing.skip();
                  resolve(response);
                }, reject)
                .finally(() => running.delete(end));
              if (isAbandoned) end();
            });
        }
        return broker;
      };
    },
  };
};

type FetchedTopic = { partitions: { messages: { value: Buffer | null }[] }[] };

const bytesOf = ({ responses }: Response): number => {
  let bytes = 0;
  for (const { partitions } of responses as FetchedTopic[])
    for (const { messages } of partitions) for (const { value } of messages) bytes += value?.length ?? 0;
  return bytes;
};
