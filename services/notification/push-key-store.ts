import webPush from 'web-push';
import type { Queryable } from '#platform/postgres/pool';
import type { Component } from '#platform/service-host';

type KeyPair = { publicKey: string; privateKey: string };

export type PushKeyPair = Component & {
  /** Available once started. */
  keys(): KeyPair;
};

/** The key pair of the settings, or one that all instances share, made at the first start. */
export const createPushKeyPair = (db: Queryable, given: KeyPair | undefined): PushKeyPair => {
  let pair = given;
  return {
    name: 'push-keys',
    keys: () => {
      if (pair === undefined) throw new Error('the keys are read at the start');
      return pair;
    },
    start: async () => {
      if (given !== undefined) return;
      const { publicKey, privateKey } = webPush.generateVAPIDKeys();
      await db.query(
        'INSERT INTO push_keys (public_key, private_key) VALUES ($1, $2) ON CONFLICT DO NOTHING',
        [publicKey, privateKey],
      );
      const { rows } = await db.query<KeyPair>(
        'SELECT public_key AS "publicKey", private_key AS "privateKey" FROM push_keys',
        [],
      );
      pair = rows[0];
    },
    stop: async () => {},
  };
};
