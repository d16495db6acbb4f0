/**
 * What is gathered of a raw table: its rows up to an offset of each partition, put together in batches (see
 * `gathered-rows-store.ts`). The statements of `visit-rows.ts` and `order-rows.ts` read the batches, and what is behind them
 * from the raw table.
 */
export type Batches = {
  /** The UUID of the table that they were made of. */
  source: string;
  /** In order. */
  batches: readonly number[];
  /** The greatest offset of each partition. */
  upto: ReadonlyMap<number, number>;
};

export type GatheredKind = 'visits' | 'orders';

/** What there is of each kind. */
export type GatheredRows = Partial<Record<GatheredKind, Batches>>;

/** How one kind is gathered. */
export type GatheredTables = {
  raw: string;
  /** Whose records the rows of `raw` are. */
  topic: string;
  /** Has a row for each batch that is whole. */
  batches: string;
  /** The tables with the rows of a batch; `batches` says under the name before it how many there are of each. */
  made: Readonly<Record<string, string>>;
  /** The table of what several rows belong to. */
  continuations: string;
  /**
   * A batch is made where this many raw rows are in none, or more where many are in batches (`batchRowsMin` in
   * `gathered-rows-store.ts`): so many are read raw by each question.
   */
  rowsMin: number;
  /**
   * The statements that make a batch of the raw rows `where`, in order. Their parameters are `source`, `batch` and `batches`,
   * the ones before it.
   */
  inserts(where: string): readonly string[];
};

type Statement = { sql: string; params: Record<string, unknown> };

/** The same question of gathered rows. */
export type Gathered = {
  reads: readonly GatheredKind[];
  /** Undefined where something is missing that it needs. */
  of(made: GatheredRows): Statement | undefined;
};

export const gatheredFrom = (kind: GatheredKind, statementOf: (made: Batches) => Statement): Gathered => ({
  reads: [kind],
  of: ({ [kind]: made }) => made && statementOf(made),
});

/** The condition of the raw rows that are in a batch: ranges of the primary key. */
export const isWithin = ({ upto }: Pick<Batches, 'upto'>): string =>
  upto.size === 0
    ? '1 = 0'
    : `(${[...upto]
        .map(([partition, offset]) => `(kafka_partition = ${partition} AND kafka_offset <= ${offset})`)
        .join(' OR ')})`;

/**
 * The condition of those that are in none. Partitions that have no batch yet are ranges too: `NOT IN` would keep ClickHouse
 * from leaving out the parts of the table whose rows are all in batches, and it would read some rows of each.
 */
export const isBehind = ({ upto }: Pick<Batches, 'upto'>): string => {
  if (upto.size === 0) return '1 = 1';
  const last = Math.max(...upto.keys());
  const ranges = Array.from({ length: last + 1 }, (_, partition) => {
    const offset = upto.get(partition);
    return `(kafka_partition = ${partition}${offset === undefined ? '' : ` AND kafka_offset > ${offset}`})`;
  });
  return `(${ranges.join(' OR ')} OR kafka_partition > ${last})`;
};

/** The condition of the rows of batches that count: a number is that of one batch of one kind and source. */
export const live = 'batch IN {batches:Array(UInt64)}';

export const batchParams = (
  ...made: readonly (Pick<Batches, 'batches'> | undefined)[]
): Record<string, unknown> => ({ batches: made.flatMap((of) => of?.batches ?? []) });
