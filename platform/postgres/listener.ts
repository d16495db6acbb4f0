import pg from 'pg';
import type { Database } from '#platform/postgres/pool';
import type { Host } from '#platform/service-host';
import { backoffMs } from '#platform/waiting/backoff';
import { sleep } from '#platform/waiting/sleep';

const relistenRest = { minMs: 250, maxMs: 4_000, jitter: 0.25 };

export type Listener = {
  /** True while every notification arrives: from the server's answer to LISTEN until the connection breaks. */
  isListening(): boolean;
  close(): Promise<void>;
};

export type ListenerOptions = {
  channel: string;
  /** Called for each notification with its payload. */
  onNotification(payload: string): void;
  /** Called when it begins to listen, also after a loss: what was notified before is unknown. */
  onListening?(): void;
};

/** Listens on a connection of its own, and connects again after a loss. */
export const listen = (
  host: Pick<Host, 'logger' | 'service'>,
  db: Pick<Database, 'pool'>,
  { channel, onNotification, onListening }: ListenerOptions,
): Listener => {
  let client: pg.Client | undefined;
  let losses = 0;
  const closing = new AbortController();
  let isListening = false;
  let isClosed = false;

  const connect = async (): Promise<void> => {
    const next = new pg.Client({ ...db.pool.options, application_name: `${host.service} ${channel}` });
    let isLost = false;
    const lose = (): void => {
      if (isLost || isClosed) return;
      isLost = true;
      isListening = false;
      next.end().catch(() => {});
      losses += 1;
      void sleep(backoffMs(relistenRest, losses), { signal: closing.signal }).then(() => {
        if (!isClosed) void connect();
      });
    };
    next.on('error', lose);
    next.on('end', lose);
    next.on('notification', ({ payload = '' }) => onNotification(payload));
    client = next;
    try {
      await next.connect();
      await next.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      if (isLost || isClosed) return;
      isListening = true;
      losses = 0;
      onListening?.();
    } catch (error) {
      host.logger.debug({ err: error, channel }, 'not listening');
      lose();
    }
  };
  void connect();

  return {
    isListening: () => isListening,
    close: async (): Promise<void> => {
      isClosed = true;
      isListening = false;
      closing.abort();
      await client?.end().catch(() => {});
    },
  };
};
