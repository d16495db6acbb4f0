import { createHash } from 'node:crypto';
import pg from 'pg';
import { isBrokenInvariant } from '#platform/assert';
import type { Database } from '#platform/postgres/pool';
import type { Host } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';

const tryEveryMs = 1_000;

export type LeaderLock = {
  /** Resolves when this process leads, or when the signal is aborted. */
  acquire(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
};

/**
 * An advisory lock on a connection of its own: of several processes one leads, and the others stand by. It ends with
 * the connection, so another process leads as soon as this one is killed, and within half a minute when its machine is
 * lost. A process that has lost the lock may not have noticed it yet: the epoch of what it writes has to keep it out.
 * While it is in doubt whether it still leads, and when it leads again, `verify` is called, which breaks an invariant
 * when another process has led in between; that is fatal.
 */
export const createLeaderLock = (
  host: Pick<Host, 'service' | 'logger' | 'onFatal'>,
  db: Pick<Database, 'pool'>,
  { name, verify }: { name: string; verify(): Promise<void> },
): LeaderLock => {
  let client: pg.Client | undefined;
  let isClosed = false;
  let leads = false;
  let hasLed = false;
  const key = createHash('sha256').update(name).digest().readBigInt64BE().toString();

  const connect = async (): Promise<pg.Client> => {
    if (client !== undefined) return client;
    const next = new pg.Client({ ...db.pool.options, application_name: `${host.service} leader` });
    // A lost connection may give the lock to another process: try for it again. Until then the epoch decides.
    const lose = (): void => {
      if (client !== next) return;
      client = undefined;
      if (isClosed || !leads) return;
      leads = false;
      void hold(new AbortController().signal);
    };
    next.on('error', lose);
    next.on('end', lose);
    await next.connect();
    client = next;
    return next;
  };
  const hold = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted && !isClosed) {
      try {
        const { rows } = await (await connect()).query<{ leads: boolean }>(
          'SELECT pg_try_advisory_lock($1::bigint) AS leads',
          [key],
        );
        if (hasLed) await verify();
        leads = rows[0]?.leads === true;
        hasLed ||= leads;
        if (leads) return;
      } catch (error) {
        if (isBrokenInvariant(error)) return host.onFatal(error);
        host.logger.debug({ err: error, name }, 'no leader lock yet');
      }
      await sleep(tryEveryMs, { signal });
    }
  };

  return {
    acquire: hold,
    close: async () => {
      isClosed = true;
      const last = client;
      client = undefined;
      await last?.end().catch(() => {});
    },
  };
};
