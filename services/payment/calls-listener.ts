import pg from 'pg';
import type { Database } from '#platform/postgres/pool';
import type { Host } from '#platform/service-host';
import { callsChannel } from './provider-calls.js';

const relistenMs = 1000;

/**
 * Calls `onCall` when a provider call is committed. It reconnects after a loss; meanwhile the worker's polling finds
 * calls.
 */
export const listenForCalls = (host: Pick<Host, 'logger' | 'service'>, db: Database, onCall: () => void) => {
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const connect = async (): Promise<void> => {
    const next = new pg.Client({ ...db.pool.options, application_name: `${host.service} provider calls` });
    let isLost = false;
    const lose = (): void => {
      if (isLost || isClosed) return;
      isLost = true;
      next.end().catch(() => {});
      timer = setTimeout(() => void connect(), relistenMs);
    };
    next.on('error', lose);
    next.on('end', lose);
    next.on('notification', onCall);
    client = next;
    try {
      await next.connect();
      await next.query(`LISTEN ${callsChannel}`);
      onCall();
    } catch (error) {
      host.logger.debug({ err: error }, 'not listening for provider calls');
      lose();
    }
  };
  void connect();

  return {
    close: async (): Promise<void> => {
      isClosed = true;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
};
