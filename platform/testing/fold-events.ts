import { randomUUID } from 'node:crypto';
import type { StreamFold } from '#platform/streams/fold-handler';
import type { StateStore } from '#platform/streams/state-store';

export type FoldedEvent = {
  type: string;
  value: unknown;
  key?: string;
  /** Epoch milliseconds; both are the same if only one is given, and 0 if none is. */
  occurredAt?: number;
  appendedAtMs?: number;
  headers?: Record<string, string>;
};

/**
 * Folds events into `state` as the running job does, without Kafka: one partition, in runs of `recordsPerRunMax`
 * (1 if unset, so that every input is applied to the state before the next one is folded).
 */
export const foldEvents = async <I, C, S extends StateStore<C>>(
  fold: StreamFold<I, C, S>,
  state: S,
  events: readonly FoldedEvent[],
  recordsPerRunMax = 1,
): Promise<void> => {
  const at = { topic: 'test', partition: 0 };
  const first = (await state.nextOffset(at.topic, at.partition)) ?? 0n;
  for (let start = 0; start < events.length; start += recordsPerRunMax) {
    const run = events.slice(start, start + recordsPerRunMax);
    const from = first + BigInt(start);
    const inputs = run.map(({ type, value, key = '', headers = {}, ...times }, nth) => {
      const appendedAtMs = times.appendedAtMs ?? times.occurredAt ?? 0;
      const eventId = randomUUID();
      return fold.inputOf(
        {
          ...at,
          type,
          value,
          key,
          eventId,
          correlationId: eventId,
          causationId: undefined,
          traceparent: undefined,
          occurredAt: times.occurredAt ?? appendedAtMs,
          offset: from + BigInt(nth),
        },
        { timestampMs: appendedAtMs, headers },
      );
    });
    const changes = await fold.changesOf(
      state,
      inputs.filter((input) => input !== null),
    );
    const outcome = await state.apply(changes, { ...at, from, to: from + BigInt(run.length) });
    if (outcome !== 'applied') throw new Error(`the state does not stand at ${from}`);
  }
};
