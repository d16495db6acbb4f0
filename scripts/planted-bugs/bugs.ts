export type PlantedBug = {
  name: string;
  /** What the mistake is, in the words of the one who might make it. */
  what: string;
  edits: readonly { file: string; find: string; replace: string }[];
  /** Test files that must turn red. */
  tests: readonly string[];
};

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'inbox-check-removed',
    what: 'every delivery is reacted to, also the second one of the same event',
    edits: [
      {
        file: 'platform/messaging/reactor.ts',
        find: 'if (!unseen.delete(item.event.eventId)) continue;',
        replace: 'unseen.delete(item.event.eventId);',
      },
    ],
    tests: ['platform/messaging/reactor.int.test.ts'],
  },
  {
    name: 'offset-before-insert',
    what: 'the offset is committed, and the block counted as done, before ClickHouse has it',
    edits: [
      {
        file: 'stream-jobs/clickhouse-ingest/block-insert.ts',
        find: '    const closedAtMs = clock.monotonicMs();\n',
        replace:
          '    const closedAtMs = clock.monotonicMs();\n    await pipeline.commit(BigInt(first.lastOffset + 1));\n',
      },
    ],
    tests: ['stream-jobs/clickhouse-ingest/ingest.int.test.ts'],
  },
  {
    name: 'stock-read-modify-write',
    what: 'stock is read without a lock and written back as a number computed from what was read',
    edits: [
      {
        file: 'services/inventory/stock-change.ts',
        find: 'SELECT s.product_id, w.quantity, s.on_hand - s.reserved >= w.quantity AS is_available',
        replace:
          'SELECT s.product_id, w.quantity, s.reserved AS was, s.on_hand - s.reserved >= w.quantity AS is_available',
      },
      {
        file: 'services/inventory/stock-change.ts',
        find: '    ORDER BY s.product_id FOR UPDATE OF s\n',
        replace: '    ORDER BY s.product_id\n',
      },
      {
        file: 'services/inventory/stock-change.ts',
        find: 'reserved = s.reserved + l.quantity * $4',
        replace: 'reserved = l.was + l.quantity * $4',
      },
    ],
    tests: ['services/inventory/stock-store.int.test.ts'],
  },
  {
    name: 'sale-counted-again',
    what: 'the inbox is trusted to keep a sale from being added to popularity twice',
    edits: [
      {
        file: 'services/recommendation/catalogue-store.ts',
        find: '      if (rowCount === 0) return;\n',
        replace: '      if (rowCount === null) return;\n',
      },
    ],
    tests: ['tests/every-event-again.int.test.ts'],
  },
  {
    name: 'undone-sale-forgets-returns',
    what: 'a sale that is undone puts all of its pieces back, also those that a return has put back',
    edits: [
      {
        file: 'services/inventory/hold.ts',
        find: 'lines: notReturned(hold)',
        replace: 'lines: hold.lines',
      },
    ],
    tests: ['services/inventory/hold.test.ts', 'tests/unpayable-order.int.test.ts'],
  },
  {
    name: 'undone-sale-stays-in-the-ledger',
    what: 'an order whose money cannot be taken is cancelled, and its sale stays in the figures',
    edits: [
      {
        file: 'services/order/order-store.ts',
        find: "before.status === 'confirmed' ? undoneOf(event.data, after, newSaleId) : []",
        replace: '[]',
      },
    ],
    tests: ['tests/unpayable-order.int.test.ts'],
  },
];
