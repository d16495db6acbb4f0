import pg from 'pg';
import type { Database } from '#platform/postgres/pool';
import type { Host } from '#platform/service-host';

const relistenMs = 1_000;

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
  let timer: NodeJS.Timeout | undefined;
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
      timer = setTimeout(() => void connect(), relistenMs);
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
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
};
