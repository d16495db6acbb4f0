import { assert } from '#platform/assert';
import type { RecordHeaders } from '#platform/messaging/broker';
import { writeBatch } from '#platform/postgres/gathering';
import type { Tx } from '#platform/postgres/transaction';

export type OutboxMessage = {
  topic: string;
  key: string;
  /** Null is a tombstone. */
  value: Buffer | null;
  headers: RecordHeaders;
};

/** Kafka's limit for one record, less some room for key and headers. */
export const outboxValueBytesMax = 900_000;

/**
 * Writes the messages in the transaction of the state change that they report: they reach Kafka if, and only if, `tx`
 * commits. Messages of one key keep the order in which they were appended, also across transactions, provided that each
 * transaction holds the lock of the row that the key names (it has inserted, updated or locked it) before it appends.
 */
export const append = async (tx: Tx, messages: readonly OutboxMessage[]): Promise<void> => {
  if (messages.length === 0) return;
  for (const { topic, key, value } of messages)
    assert(
      (value?.length ?? 0) <= outboxValueBytesMax,
      `message ${topic}/${key} has at most ${outboxValueBytesMax} bytes`,
    );
  await tx.gather(appendAll, messages);
};

const appendAll = writeBatch<readonly OutboxMessage[]>(async (tx, lists) => {
  const messages = lists.flat();
  await tx.query('SELECT outbox_append($1::text[], $2::text[], $3::bytea[], $4::jsonb[])', [
    messages.map((message) => message.topic),
    messages.map((message) => message.key),
    messages.map((message) => message.value),
    messages.map((message) => JSON.stringify(message.headers)),
  ]);
});
