import { type Batch, newestOf, readBatch, writeBatch } from '#platform/postgres/gathering';
import { listParameter } from '#platform/postgres/list-parameter';
import type { Queryable } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import { createBatchedRead } from '#platform/waiting/shared-read';
import { sleep } from '#platform/waiting/sleep';

/** A service's own copy of things that another service publishes; usually milliseconds behind it. */
export type Replica<R> = {
  /** Stores the thing, unless a higher version of it is stored. */
  note(tx: Tx, thing: R & { version: number }): Promise<void>;
  /** Gives the thing the values of one that has ended, unless a higher version of it is stored. */
  end(tx: Tx, id: string, version: number): Promise<void>;
  /** The things of these ids, as far as the copy has them. */
  find(tx: Tx, ids: readonly string[]): Promise<Map<string, R>>;
  /**
   * Resolves when the copy has all things, or after `waitMs`: a caller may name a thing before its event has arrived
   * here. At most 100 callers wait at a time; further ones return at once. Those who wait share one statement every
   * 25 ms, and hold no connection in between.
   */
  awaitKnown(ids: readonly string[], waitMs: number): Promise<void>;
};

/**
 * The table has a column for each field, named in snake_case, and a whole-number `version`; its primary key is `id`'s column,
 * a uuid.
 */
export type ReplicaShape<R> = {
  table: string;
  id: keyof R & string;
  /** The PostgreSQL types of the other fields. */
  fields: { readonly [F in keyof R & string as Exclude<F, 'version'>]?: string };
  /** What a thing that has ended changes to. Nothing if unset. */
  ended?: Partial<R>;
};

const waitersMax = 100;
const lookAgainMs = 25;
const knownMax = 100_000;

const column = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export const createReplica = <R extends Record<keyof R, unknown>>(
  db: Queryable,
  { table, id, fields, ended = {} }: ReplicaShape<R>,
): Replica<R> => {
  const names = Object.keys(fields);
  const types = fields as Readonly<Record<string, string>>;
  const columns = [column(id), 'version', ...names.map(column)];
  const upsert = `INSERT INTO ${table} (${columns.join(', ')})
     SELECT "${id}", version, ${names.map((name) => `"${name}"`).join(', ')}
     FROM jsonb_to_recordset($1::jsonb) AS thing("${id}" uuid, version bigint,
       ${names.map((name) => `"${name}" ${types[name]}`).join(', ')})
     ORDER BY 1
     ON CONFLICT (${column(id)}) DO UPDATE SET
       ${columns
         .slice(1)
         .map((name) => `${name} = excluded.${name}`)
         .join(', ')}
     WHERE ${table}.version < excluded.version`;
  const select = `SELECT ${[id, ...names].map((name) => `${column(name)} AS "${name}"`).join(', ')}
     FROM ${table} WHERE ${column(id)} = ANY (${listParameter(1, 'uuid')})`;
  const endings = Object.keys(ended).map((name, nth) => `, ${column(name)} = $${nth + 3}`);
  const update = `UPDATE ${table} SET version = gone.version${endings.join('')}
     FROM (SELECT g.* FROM unnest($1::uuid[], $2::bigint[]) AS g(id, version)
           JOIN ${table} kept ON kept.${column(id)} = g.id ORDER BY id FOR UPDATE OF kept) AS gone
     WHERE ${table}.${column(id)} = gone.id AND ${table}.version < gone.version`;
  const idOf = (thing: R): string => String(thing[id]);

  const noteAll = writeBatch<R & { version: number }>((tx, things) =>
    tx.query(upsert, [JSON.stringify(newestOf(things, idOf, ({ version }) => version))]),
  );
  const endAll = writeBatch<{ id: string; version: number }>((tx, gone) =>
    tx.query(update, [
      gone.map((thing) => thing.id),
      gone.map((thing) => thing.version),
      ...Object.values(ended),
    ]),
  );
  const findAll: Batch<readonly string[], Map<string, R>> = readBatch(async (tx, lists) => {
    const { rows } = await tx.query<R & Record<string, unknown>>(select, [[...new Set(lists.flat())]]);
    const byId = new Map(rows.map((row) => [idOf(row), row]));
    return lists.map((ids) => new Map(ids.flatMap((each) => found(byId, each))));
  });

  return {
    note: (tx, thing) => tx.gather(noteAll, thing),
    end: (tx, thingId, version) => tx.gather(endAll, { id: thingId, version }),
    find: (tx, ids) => tx.gather(findAll, ids),
    awaitKnown: createKnownWait(db, { table, id: column(id) }),
  };
};

const found = <R>(byId: ReadonlyMap<string, R>, id: string): [string, R][] => {
  const thing = byId.get(id);
  return thing === undefined ? [] : [[id, thing]];
};

/** `awaitKnown` of a replica, for any table that loses no row. `id` is the column of its key, a uuid. Ids are in lower case. */
export const createKnownWait = (
  db: Queryable,
  { table, id }: { table: string; id: string },
): Replica<unknown>['awaitKnown'] => {
  const select = `SELECT ${id} AS id FROM ${table} WHERE ${id} = ANY (${listParameter(1, 'uuid')})`;
  let waiters = 0;
  /** Things that the copy has: it loses none. */
  const known = new Set<string>();

  const createLook = () =>
    createBatchedRead<true>(async (missing) => {
      const { rows } = await db.query<{ id: string }>(select, [missing]);
      if (known.size > knownMax) known.clear();
      for (const { id } of rows) known.add(id);
      return new Map(rows.map((row) => [row.id, true]));
    }, waitersMax);
  // Who has just come does not wait behind the statement for all who wait.
  const [lookFirst, lookAgain] = [createLook(), createLook()];
  const hasAll = async (ids: readonly string[], look: typeof lookAgain): Promise<boolean> => {
    const missing = ids.filter((id) => !known.has(id));
    if (missing.length === 0) return true;
    const found = await look(missing);
    return missing.every((id) => found.has(id));
  };

  let tick: Promise<void> | undefined;
  /** The same for all who wait, so that their looks come together and share a statement. */
  const nextTick = (): Promise<void> => {
    tick ??= sleep(lookAgainMs).then(() => {
      tick = undefined;
    });
    return tick;
  };

  return async (ids, waitMs) => {
    const deadlineMs = performance.now() + waitMs;
    if ((await hasAll(ids, lookFirst)) || waiters >= waitersMax) return;
    waiters += 1;
    try {
      while (performance.now() < deadlineMs) {
        await nextTick();
        if (await hasAll(ids, lookAgain)) return;
      }
    } finally {
      waiters -= 1;
    }
  };
};
