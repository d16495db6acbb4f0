import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { serviceDatabaseUrl } from '#platform/postgres/pool';
import { readRunFile } from '../../tests/shop.js';
import { readBacklog } from '../scale/samples.js';

const everyMs = 1_000;
/** What one moment shows may be between two steps of the same work. */
const momentsAtRest = 3;
const waitMsMax = 300_000;
/** A message that is tried again later than this is not waited for. */
const dueWithin = '10 seconds';

/**
 * Resolves when the platform has nothing left of what it was asked to do: every outbox and every consumer's partitions are
 * empty, no mail is due and ClickHouse merges nothing. After five minutes it goes on and says what is left.
 */
export const untilAtRest = async (runFile: string): Promise<void> => {
  const giveUpAtMs = performance.now() + waitMsMax;
  for (let quiet = 0; quiet < momentsAtRest; ) {
    const left = await whatIsLeft(runFile);
    quiet = left.length === 0 ? quiet + 1 : 0;
    if (performance.now() > giveUpAtMs) return console.log(`  not at rest: ${left.join(', ')}`);
    await sleep(everyMs);
  }
};

const whatIsLeft = async (runFile: string): Promise<string[]> => {
  const run = readRunFile(runFile);
  const [{ lagByGroup, outboxRows, silent }, messages, merges] = await Promise.all([
    readBacklog(runFile),
    messagesDue(run.postgres),
    mergesAt(run.clickhouse),
  ]);
  return [
    ...silent,
    ...Object.entries(lagByGroup).flatMap(([group, lag]) =>
      lag > 0 ? [`${lag} records before ${group}`] : [],
    ),
    ...(outboxRows > 0 ? [`${outboxRows} rows of outboxes`] : []),
    ...(messages > 0 ? [`${messages} messages to send`] : []),
    ...(merges > 0 ? [`${merges} merges`] : []),
  ];
};

const messagesDue = async (postgres: string): Promise<number> => {
  const client = new pg.Client({ connectionString: serviceDatabaseUrl(postgres, 'notification') });
  await client.connect();
  try {
    const { rows } = await client.query<{ due: number }>(
      `SELECT count(*)::integer AS due FROM notifications
       WHERE status = 'pending' AND (next_attempt_at IS NULL OR next_attempt_at < now() + $1::interval)`,
      [dueWithin],
    );
    return rows[0]?.due ?? 0;
  } finally {
    await client.end();
  }
};

const mergesAt = async (clickhouse: string): Promise<number> => {
  const answer = await fetch(clickhouse, { method: 'POST', body: 'SELECT count() FROM system.merges' });
  if (!answer.ok) throw new Error(`${clickhouse} answered ${answer.status}`);
  return Number(await answer.text());
};
