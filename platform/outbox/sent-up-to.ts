import { z } from 'zod';
import { PlatformError } from '#platform/errors';
import type { HttpApp } from '#platform/http/http-app';
import type { Database } from '#platform/postgres/pool';

/** Instances of another version ask for it, so the address keeps its first name. */
const path = '/outbox/watermark';
const askMsMax = 2_000;

/**
 * How long ago (ms, by PostgreSQL's clock) the moment lies up to which the outbox has sent all: every event that a
 * transaction begun before it has appended is in Kafka. It is the beginning of the oldest transaction that runs, or of
 * the oldest one that has appended a row which Kafka has not acknowledged. (How far the relay is in its rows is
 * another thing: `outbox_position`, see `window.ts`.)
 *
 * Two statements in this order: a transaction that the first one does not see began after it, and what had ended by then
 * is visible to the second one. In one statement a transaction could end between its snapshot and its look at what runs.
 */
export const readSentUpToAge = async (db: Pick<Database, 'query'>): Promise<number> => {
  const running = await db.query<{ began: number }>(
    `SELECT extract(epoch FROM least(clock_timestamp(), min(xact_start)))::float8 AS began
     FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    [],
  );
  const waiting = await db.query<{ age_ms: number }>(
    `SELECT 1000 * (extract(epoch FROM clock_timestamp())
                    - least($1::float8, extract(epoch FROM min(began_at)))) AS age_ms
     FROM outbox_waiting`,
    [running.rows[0]?.began ?? 0],
  );
  return Math.max(0, Number(waiting.rows[0]?.age_ms ?? Number.POSITIVE_INFINITY));
};

/** For the services that say how complete the log is. It is not forwarded by the gateway. */
export const sentUpToRoute = (app: HttpApp, db: Pick<Database, 'query'>): void => {
  app.get(path, { access: 'anonymous', schema: { hide: true } }, async () => ({
    ageMs: await readSentUpToAge(db),
  }));
};

const answer = z.object({ ageMs: z.number().min(0) });

/**
 * Asks a service how long ago the moment lies up to which its outbox has sent all: the first of its instances that
 * answers, since they share it. Rejects with a retriable fault if none does.
 */
export const askSentUpToAge = async (urls: readonly string[]): Promise<number> => {
  let cause: unknown;
  for (const url of urls)
    try {
      const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(askMsMax) });
      if (response.ok) return answer.parse(await response.json()).ageMs;
      cause = new Error(`${response.status} from ${url}`);
    } catch (error) {
      cause = error;
    }
  throw new PlatformError('dependency_unavailable', 'no instance says how far its outbox is', {
    retriable: true,
    cause,
  });
};
