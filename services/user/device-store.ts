import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';

/** A Web Push subscription. */
export type Device = {
  id: string;
  endpoint: string;
  p256dh: string;
  auth: string;
  name: string | null;
  createdAt: Date;
};

const columns = 'id, endpoint, p256dh, auth, name, created_at AS "createdAt"';

/** Stores devices as rows. Functions with a `Tx` take effect when it commits. */
export const deviceStore = {
  /** Newest first, only those older than `before`. */
  list: async (
    db: Pick<Database | Tx, 'query'>,
    userId: string,
    { before, limit }: { before?: string | undefined; limit: number },
  ): Promise<Device[]> => {
    const { rows } = await db.query<Device>(
      `SELECT ${columns} FROM devices WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2)
       ORDER BY id DESC LIMIT $3`,
      [userId, before ?? null, limit],
    );
    return rows;
  },

  find: async (db: Pick<Database, 'query'>, userId: string, id: string): Promise<Device | undefined> => {
    const { rows } = await db.query<Device>(`SELECT ${columns} FROM devices WHERE user_id = $1 AND id = $2`, [
      userId,
      id,
    ]);
    return rows[0];
  },

  ownerOf: async (tx: Tx, endpoint: string): Promise<string | undefined> => {
    const { rows } = await tx.query<{ user_id: string }>('SELECT user_id FROM devices WHERE endpoint = $1', [
      endpoint,
    ]);
    return rows[0]?.user_id;
  },

  /**
   * Registers the device, or renews the one with this endpoint. `full` where the account has `devicesMax` already. The
   * caller has locked the account.
   */
  put: async (
    tx: Tx,
    userId: string,
    device: Device,
    devicesMax: number,
  ): Promise<{ device: Device; isNew: boolean } | 'full'> => {
    const { rows } = await tx.query<Device & { isNew: boolean }>(
      `INSERT INTO devices (id, user_id, endpoint, p256dh, auth, name, created_at)
       SELECT $1, $2, $3, $4, $5, $6, $7
       WHERE (SELECT count(*) FROM devices WHERE user_id = $2 AND endpoint <> $3) < $8
       ON CONFLICT (endpoint) DO UPDATE SET p256dh = excluded.p256dh, auth = excluded.auth, name = excluded.name
         WHERE devices.user_id = excluded.user_id
       RETURNING ${columns}, id = $1 AS "isNew"`,
      [
        device.id,
        userId,
        device.endpoint,
        device.p256dh,
        device.auth,
        device.name,
        device.createdAt,
        devicesMax,
      ],
    );
    const [row] = rows;
    if (row === undefined) return 'full';
    const { isNew, ...stored } = row;
    return { device: stored, isNew };
  },

  /** Its id; undefined where the account has no such device. */
  remove: async (
    tx: Tx,
    userId: string,
    by: { id: string } | { endpoint: string },
  ): Promise<string | undefined> => {
    const { rows } = await tx.query<{ id: string }>(
      'DELETE FROM devices WHERE user_id = $1 AND (id = $2 OR endpoint = $3) RETURNING id',
      [userId, 'id' in by ? by.id : null, 'endpoint' in by ? by.endpoint : null],
    );
    return rows[0]?.id;
  },
};
