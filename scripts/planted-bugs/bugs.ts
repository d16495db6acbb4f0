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
        file: 'platform/messaging/reaction-transactions.ts',
        find: 'pending.filter(({ event }) => unseen.delete(event.eventId))',
        replace: 'pending.filter(({ event }) => unseen.delete(event.eventId) || true)',
      },
    ],
    tests: ['platform/messaging/reactor.int.test.ts'],
  },
  {
    name: 'innocent-beside-what-cannot-be-stored',
    what: 'when a statement for many events fails, the first of them is taken for the one to blame',
    edits: [
      {
        file: 'platform/postgres/gathering.ts',
        find: "if (calls.length > 1 && typeof error === 'object' && error !== null) shared.add(error);",
        replace: '',
      },
    ],
    tests: ['platform/messaging/reaction-transactions.test.ts'],
  },
  {
    name: 'trouble-of-another-partition',
    what: 'a transaction of several partitions fails, and each takes the failure for its own',
    edits: [
      {
        file: 'platform/messaging/reaction-transactions.ts',
        find: 'failure?.culprit !== undefined && items.includes(failure.culprit) ?',
        replace: 'failure?.culprit !== undefined && items.length > 0 ?',
      },
    ],
    tests: ['platform/messaging/reaction-transactions.test.ts'],
  },
  {
    name: 'parked-again',
    what: 'a record that is in the dead-letter topic is parked again whenever its batch is delivered again',
    edits: [
      {
        file: 'platform/messaging/trials.ts',
        find: '      if (tried.parked.has(offset)) return true;\n',
        replace: '',
      },
    ],
    tests: ['platform/messaging/trials.test.ts'],
  },
  {
    name: 'refused-and-done-all-the-same',
    what: 'a work that has waited too long is refused, and stays in the queue',
    edits: [
      {
        file: 'platform/postgres/joint-transactions.ts',
        find: '        waiting.splice(waiting.indexOf(job), 1);\n',
        replace: '',
      },
    ],
    tests: ['platform/postgres/joint-transactions.test.ts'],
  },
  {
    name: 'offset-before-insert',
    what: 'the offset is committed, and the block counted as done, before ClickHouse has it',
    edits: [
      {
        file: 'stream-jobs/clickhouse-ingest/block-insert.ts',
        find: '  const step = stopwatch(clock, took);\n',
        replace:
          '  const step = stopwatch(clock, took);\n  await pipeline.commit(BigInt(work.claim.lastOffset + 1));\n',
      },
      {
        file: 'stream-jobs/clickhouse-ingest/gathered-insert.ts',
        find: '    const claims = await Promise.allSettled(together.map(claimOnce));\n',
        replace:
          '    for (const { context, work } of together)\n      await context.pipeline.commit(BigInt(work.claim.lastOffset + 1));\n    const claims = await Promise.allSettled(together.map(claimOnce));\n',
      },
    ],
    tests: ['stream-jobs/clickhouse-ingest/ingest.int.test.ts'],
  },
  {
    name: 'back-fill-forgets-what-is-on-its-way',
    what: 'the tables are exchanged, and the blocks that the ingest had claimed for the old ones are left to it',
    edits: [
      {
        file: 'stream-jobs/clickhouse-ingest/backfill/exchange.ts',
        find: '    await repeatUnfinished(feeds, parts, readers);\n',
        replace: '',
      },
    ],
    tests: ['stream-jobs/clickhouse-ingest/backfill/backfill.int.test.ts'],
  },
  {
    name: 'stock-read-modify-write',
    what: 'stock is read without a lock and written back as a number computed from what was read',
    edits: [
      {
        file: 'services/inventory/locked-stock.ts',
        find: 'ORDER BY product_id FOR UPDATE',
        replace: 'ORDER BY product_id',
      },
    ],
    tests: ['services/inventory/stock-store.int.test.ts'],
  },
  {
    name: 'sale-counted-again',
    what: 'the inbox is trusted to keep a sale from being added to popularity twice',
    edits: [
      {
        file: 'schemas/popularity.ts',
        find: 'if (!left.delete(orderId)) continue;',
        replace: 'left.delete(orderId);',
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
  {
    name: 'position-before-kafka',
    what: 'the relay notes how far it is before Kafka has the rows',
    edits: [
      {
        file: 'platform/outbox/relay.ts',
        find: '      const last = rows.at(-1);\n',
        replace:
          '      const last = rows.at(-1);\n      if (last !== undefined) await window.save(last.seq);\n',
      },
    ],
    tests: ['platform/outbox/outbox.int.test.ts'],
  },
  {
    name: 'idempotency-key-without-its-request',
    what: "a key that was used for another request gets that one's answer",
    edits: [
      {
        file: 'platform/http/idempotency.ts',
        find: 'if (!row.request_hash.equals(hash))',
        replace: 'if (row.request_hash.length === 0)',
      },
    ],
    tests: ['platform/http/idempotency.int.test.ts'],
  },
  {
    name: 'token-of-anybody',
    what: 'a token counts whoever it was issued for',
    edits: [
      {
        file: 'platform/http/auth.ts',
        find: '      audience: options.audience,\n',
        replace: '',
      },
    ],
    tests: ['platform/http/auth.test.ts'],
  },
  {
    name: 'address-as-written',
    what: 'every spelling of an IPv6 address, and every address of a network, is counted as another client',
    edits: [
      {
        file: 'platform/http/client-address.ts',
        find: 'address.parts.slice(0, 4)',
        replace: 'address.parts.slice(0, 8)',
      },
    ],
    tests: ['platform/http/client-address.test.ts'],
  },
  {
    name: 'thief-keeps-the-login',
    what: 'a refresh token that the login left behind is refused, but the login goes on',
    edits: [
      {
        file: 'services/user/user.ts',
        find: "? 'revoke_login' : 'rotate'",
        replace: "? 'refuse' : 'rotate'",
      },
    ],
    tests: ['services/user/user.test.ts'],
  },
  {
    name: 'key-without-its-scope',
    what: 'an API key may call whatever some key may call',
    edits: [
      {
        file: 'platform/http/auth.ts',
        find: 'scope === null || !principal.scopes.includes(scope)',
        replace: 'scope === null',
      },
    ],
    tests: ['platform/http/auth.test.ts'],
  },
  {
    name: 'invented-keys-for-nothing',
    what: 'API keys that somebody invents are asked about without being counted',
    edits: [
      {
        file: 'services/gateway/rate-limits.ts',
        find: 'if (isCounted) await count(name, networks.of(request), reply);',
        replace: '',
      },
    ],
    tests: ['services/gateway/gateway.int.test.ts'],
  },
  {
    name: 'erased-token-lives-on',
    what: 'the token of an account that was erased is good until it expires',
    edits: [
      {
        file: 'services/gateway/rate-limits.ts',
        find: '!erased.has(clientId)',
        replace: 'erased !== undefined',
      },
    ],
    tests: ['services/gateway/gateway.int.test.ts'],
  },
  {
    name: 'cart-by-its-name',
    what: 'an order empties the cart of a guest whose id its buyer only knows',
    edits: [
      {
        file: 'services/cart/order-takings-store.ts',
        find: 'cartId !== null && isHeld({ cartId, cartProof }, placedAtMs)',
        replace: 'cartId !== null && isHeld !== undefined && cartProof !== undefined',
      },
    ],
    tests: ['services/cart/cart.int.test.ts'],
  },
  {
    name: 'revoked-key-lives-on',
    what: 'the gateway asks about an API key only when its token has expired',
    edits: [
      {
        file: 'services/gateway/api-keys.ts',
        find: 'monotonicMs() - known.checkedAtMs < freshMs',
        replace: 'monotonicMs() < known.usableUntilMs',
      },
    ],
    tests: ['services/gateway/api-keys.test.ts'],
  },
  {
    name: 'key-ends-with-its-successor',
    what: 'a signing key is no longer published as soon as the next one signs, so its tokens end early',
    edits: [
      {
        file: 'services/user/key-rotation.ts',
        find: 'signsSince(successor) + publishAfterMs <= nowMs',
        replace: 'signsSince(successor) <= nowMs',
      },
    ],
    tests: ['services/user/key-rotation.test.ts'],
  },
  {
    name: 'cancelled-order-keeps-its-stock',
    what: 'a cancellation is noted and the stock stays reserved',
    edits: [
      {
        file: 'services/inventory/reactions.ts',
        find: 'await holds.release(tx, orderId, reason);',
        replace: 'void [tx, orderId, reason];',
      },
    ],
    tests: ['tests/unpayable-order.int.test.ts', 'tests/every-event-again.int.test.ts'],
  },
  {
    name: 'provider-key-of-the-attempt',
    what: 'a call that is made again carries another idempotency key, so the money moves again',
    edits: [
      {
        file: 'services/payment/provider-calls.ts',
        find: "return kind === 'capture' && isRenewed ?",
        replace: "orderId += String(Math.random());\n  return kind === 'capture' && isRenewed ?",
      },
    ],
    tests: ['services/payment/provider-worker.int.test.ts'],
  },
  {
    name: 'inactive-product-sold',
    what: 'a product that was taken from the shelf can still be ordered',
    edits: [
      {
        file: 'services/order/pricing.ts',
        find: "return product.active ? [] : [{ index, why: 'inactive' }];",
        replace: 'return [];',
      },
    ],
    tests: ['services/order/pricing.test.ts'],
  },
  {
    name: 'bought-yesterday-recommended-today',
    what: 'what the buyer bought a moment ago is recommended again',
    edits: [
      {
        file: 'services/recommendation/similarity-ranking.ts',
        find: 'atMs > nowMs - recentMs',
        replace: 'atMs > nowMs',
      },
    ],
    tests: ['services/recommendation/recommend.test.ts'],
  },
  {
    name: 'complete-up-to-now',
    what: 'analytics claim to be complete up to now while records wait in Kafka',
    edits: [
      {
        file: 'services/analytics/completeness.ts',
        find: 'late.length === 0 ? 0 : ageMs + settleMs',
        replace: '0',
      },
    ],
    tests: ['services/analytics/completeness.int.test.ts', 'services/analytics/completeness.test.ts'],
  },
  {
    name: 'outbox-forgets-what-runs',
    what: 'the outbox says that it is complete while a transaction runs that will append',
    edits: [
      {
        file: 'platform/outbox/sent-up-to.ts',
        find: 'least(clock_timestamp(), min(xact_start))',
        replace: "least(clock_timestamp(), clock_timestamp() + 0 * count(xact_start) * interval '1 second')",
      },
    ],
    tests: ['platform/outbox/sent-up-to.int.test.ts'],
  },
  {
    name: 'late-commits-outlive-the-assignment',
    what: 'an offset that was to be committed later is committed after another assignment has begun',
    edits: [
      {
        file: 'platform/messaging/partition-lanes.ts',
        find: '  assignment.isStale = true;\n  assignment.lateCommits.drop();\n',
        replace: '  assignment.isStale = true;\n  void assignment.lateCommits.flush();\n',
      },
    ],
    tests: ['platform/messaging/partition-lanes.test.ts'],
  },
  {
    name: 'older-readers-forgotten',
    what: 'a schema is only checked to read its predecessors, not to be read by them',
    edits: [
      {
        file: 'schemas/compatibility.ts',
        find: 'if (r === w) return;',
        replace: 'if (r <= w) return;',
      },
    ],
    tests: ['schemas/compatibility.test.ts'],
  },
  {
    name: 'dead-stays-dead',
    what: 'a process that dies is not started again',
    edits: [
      {
        file: 'local/supervision/supervised-process.ts',
        find: 'while (!stopping) await startAgain(await deathOrSilence());',
        replace: 'await deathOrSilence();',
      },
    ],
    tests: ['local/supervision/supervised-process.test.ts'],
  },
  {
    name: 'stock-of-an-older-version',
    what: 'the catalogue takes the stock that comes last, also when it is older than what it has',
    edits: [
      {
        file: 'services/product/product-store.ts',
        find: ' AND products.stock_version < line.stock_version',
        replace: '',
      },
    ],
    tests: ['services/product/product-store.int.test.ts'],
  },
  {
    name: 'update-of-an-older-version',
    what: 'who has not seen the last change of a product or a cart overwrites it',
    edits: [
      {
        file: 'platform/http/etag.ts',
        find: "assertIfMatch({ headers: { 'if-match': header } }, etagOf(version));",
        replace: 'void [header, version, assertIfMatch];',
      },
    ],
    tests: ['services/product/routes.int.test.ts'],
  },
  {
    name: 'import-forgets-its-keys',
    what: 'an import that is sent again makes every product again',
    edits: [
      {
        file: 'services/product/import-store.ts',
        find: 'return new Map(rows.map(({ key, productId }) => [key, productId]));',
        replace: 'return new Map(rows.slice(0, 0).map(({ key, productId }) => [key, productId]));',
      },
    ],
    tests: ['services/product/routes.int.test.ts'],
  },
  {
    name: 'search-takes-older-stock',
    what: 'the search takes the stock that comes last, also when it is older than what it has',
    edits: [
      {
        file: 'services/search/document-store.ts',
        find: 'WHERE documents.stock_version < EXCLUDED.stock_version`',
        replace: '`',
      },
    ],
    tests: ['services/search/routes.int.test.ts'],
  },
  {
    name: 'typing-errors-not-forgiven',
    what: 'a search for a misspelt word finds nothing',
    edits: [
      {
        file: 'services/search/search-index.ts',
        find: '...vocabulary.near(singular(wanted.typed)).map(',
        replace: '...vocabulary.near(singular(wanted.typed)).slice(0, 0).map(',
      },
    ],
    tests: ['services/search/search-index.test.ts'],
  },
  {
    name: 'withdrawn-review-counts',
    what: 'a review whose approval was taken back still counts in the rating',
    edits: [
      {
        file: 'services/review/review.ts',
        find: "Number(after === 'approved') - Number(before === 'approved')",
        replace: "Number(after === 'approved') - Number(before === 'rejected')",
      },
    ],
    tests: ['services/review/review.test.ts'],
  },
  {
    name: 'catalogue-news-ignored',
    what: 'the gateway keeps a product for its whole age, although its change was announced',
    edits: [
      {
        file: 'services/gateway/catalogue-cache.ts',
        find: 'for (const productId of productIds) forgetProduct(productId);',
        replace: '',
      },
    ],
    tests: ['services/gateway/catalogue-cache.int.test.ts'],
  },
  {
    name: 'old-answer-kept-after-change',
    what: 'an answer that was being fetched when its product changed is cached all the same',
    edits: [
      {
        file: 'services/gateway/catalogue-cache.ts',
        find: 'if (fetching !== undefined) fetching.isStale = true;',
        replace: '',
      },
    ],
    tests: ['services/gateway/catalogue-cache.int.test.ts'],
  },
  {
    name: 'staff-answers-from-the-cache',
    what: 'the front answers staff with what is cached for everybody',
    edits: [
      {
        file: 'services/gateway/front.ts',
        find: 'if (principal !== undefined && !seesWhatAllSee(principal)) return undefined;',
        replace: '',
      },
    ],
    tests: ['services/gateway/catalogue-cache.int.test.ts'],
  },
  {
    name: 'limits-counted-apart',
    what: 'each gateway relies on its own count up to the limit, however many there are',
    edits: [
      {
        file: 'services/gateway/request-counter.ts',
        find: 'shared + pending * instancesAssumed <= requestsMax',
        replace: 'shared + pending <= requestsMax',
      },
    ],
    tests: ['services/gateway/request-counter.int.test.ts'],
  },
  {
    name: 'analytics-of-an-old-version',
    what: 'an answer of analytics is kept although sales were ingested since',
    edits: [
      {
        file: 'services/analytics/answers.ts',
        find: 'known?.reading.version === reading.version &&',
        replace: 'known !== undefined &&',
      },
    ],
    tests: ['services/analytics/figures.int.test.ts'],
  },
  {
    name: 'clocks-that-never-change',
    what: 'every day of a zone has 24 hours, also those on which its clocks change',
    edits: [
      {
        file: 'services/analytics/zone.ts',
        find: 'change.fromMs > fromMs && change.fromMs < toMs',
        replace: 'change.fromMs > toMs',
      },
    ],
    tests: ['services/analytics/zone.test.ts'],
  },
  {
    name: 'credit-for-ever',
    what: 'an order is credited to a click on a recommendation however long ago that was',
    edits: [
      {
        file: 'services/analytics/attribution.ts',
        find: ' AND s.at <= k.clicked_at + toIntervalMillisecond({windowMs:UInt64})`',
        replace: '`',
      },
    ],
    tests: ['services/analytics/questions.int.test.ts'],
  },
  {
    name: 'formula-in-csv',
    what: 'a spreadsheet computes the name of a product',
    edits: [
      {
        file: 'platform/http/row-formats.ts',
        find: 'isFormula(text) ?',
        replace: "text === '' ?",
      },
    ],
    tests: ['platform/http/row-formats.test.ts'],
  },
  {
    name: 'late-event-opens-a-closed-window',
    what: 'an event that comes too late begins its window anew, so the window is written twice',
    edits: [
      {
        file: 'platform/streams/open-windows.ts',
        find: 'if (found === undefined && span.toMs + latenessMs <= watermarkMs) {',
        replace: 'if (found === undefined && span.toMs + latenessMs <= watermarkMs && late < 0) {',
      },
    ],
    tests: ['platform/streams/tour.test.ts'],
  },
  {
    name: 'window-that-closed-comes-back',
    what: 'the changelog does not say which windows have closed, so a restart opens them again',
    edits: [
      {
        file: 'platform/streams/open-windows.ts',
        find: 'if (open.isStored) removed.push(open.id);',
        replace: 'if (open.isStored && open.id < 0) removed.push(open.id);',
      },
    ],
    tests: ['platform/streams/task.test.ts'],
  },
  {
    name: 'checkpoint-of-a-process-that-was-replaced',
    what: 'a process whose tasks another one has taken over goes on storing its own',
    edits: [
      {
        file: 'platform/streams/checkpoint-store.ts',
        find: 'WHERE t.task = n.task AND t.epoch = n.epoch',
        replace: 'WHERE t.task = n.task AND t.epoch >= n.epoch',
      },
    ],
    tests: ['platform/streams/checkpoint-store.int.test.ts'],
  },
  {
    name: 'waits-for-what-nobody-reads',
    what: 'the stored place of a partition that is not read any more holds the watermark for ever',
    edits: [
      {
        file: 'platform/streams/task.ts',
        find: 'otherPlaces = { ...places };',
        replace:
          "otherPlaces = {};\n      for (const name of Object.keys(places)) of({ topic: name.split('/')[0] as string, partition: Number(name.split('/')[1]) });",
      },
    ],
    tests: ['platform/streams/tour.test.ts'],
  },
  {
    name: 'topic-made-anew-is-skipped',
    what: 'a topic that was deleted and made again is left out up to the place in the old one',
    edits: [
      {
        file: 'platform/streams/task.ts',
        find: 'if (nextOffset > at.high)',
        replace: 'if (nextOffset < 0n)',
      },
      {
        file: 'platform/streams/task-feed.ts',
        find: 'nextOffset <= highWatermark,',
        replace: 'nextOffset >= 0n || highWatermark > 0n,',
      },
    ],
    tests: ['platform/streams/tour.test.ts', 'platform/streams/task-feed.test.ts'],
  },
  {
    name: 'published-once-for-all',
    what: 'what Redis missed before a restart is not sent to it afterwards',
    edits: [
      {
        file: 'platform/streams/task.ts',
        find: "windows.restore(stored, 'publish' in sink);",
        replace: "windows.restore(stored, 'publish' in sink && watermarkMs < 0);",
      },
    ],
    tests: ['platform/streams/tour.test.ts'],
  },
  {
    name: 'row-id-of-a-restart',
    what: 'the row of a window has another id if the process was restarted while the window was open',
    edits: [
      {
        file: 'platform/streams/open-windows.ts',
        find: "revision: emits !== 'as it changes' ? 1 :",
        replace: "revision: emits !== 'as it changes' && open.isUnseen ? 1 :",
      },
    ],
    tests: ['platform/streams/tour.test.ts'],
  },
  {
    name: 'leader-of-nothing',
    what: 'a process that was replaced and has nothing to store keeps its partitions',
    edits: [
      {
        file: 'platform/streams/checkpoints.ts',
        find: '      await verifyIfPossible(host, store);\n',
        replace: '',
      },
      { file: 'platform/streams/leader-lock.ts', find: '        if (hasLed) await verify();\n', replace: '' },
    ],
    tests: ['platform/streams/checkpoint-store.int.test.ts', 'platform/streams/leader-lock.int.test.ts'],
  },
  {
    name: 'waits-for-no-checkpoint',
    what: 'a batch that ends after the last checkpoint waits for the next one, and the process does not stop',
    edits: [
      {
        file: 'platform/streams/checkpoints.ts',
        find: 'isOver ? Promise.resolve() : new Promise',
        replace: 'new Promise',
      },
    ],
    tests: ['platform/streams/checkpoint-store.int.test.ts'],
  },
  {
    name: 'watchers-counted-late',
    what: 'who comes while others are being answered is counted after them, so a burst passes the limit',
    edits: [
      {
        file: 'platform/http/event-stream.ts',
        find: '      watching += 1;\n      ofClients',
        replace: '      setTimeout(() => (watching += 1), 100);\n      ofClients',
      },
    ],
    tests: ['services/analytics/live-routes.test.ts'],
  },
  {
    name: 'only-looked-at',
    what: 'a topic is read while the others were only looked at, so events hours too late still change its windows',
    edits: [
      {
        file: 'platform/streams/watermarks.ts',
        find: 'mark.newestMs = Math.max(mark.newestMs, atMs);',
        replace: 'mark.newestMs = Math.max(mark.newestMs, Math.min(atMs, never));',
      },
    ],
    tests: ['platform/streams/tour.test.ts'],
  },
  {
    name: 'late-rows-again',
    what: 'a late row is in every later checkpoint, too',
    edits: [
      {
        file: 'platform/streams/task.ts',
        find: 'take: (): TaskRow<L>[] => {\n      const made = rows;\n      rows = [];',
        replace: 'take: (): TaskRow<L>[] => {\n      const made = rows;',
      },
    ],
    tests: ['platform/streams/task.test.ts'],
  },
  {
    name: 'price-of-a-return',
    what: 'what a return gave back counts as a price that was paid',
    edits: [
      {
        file: 'stream-jobs/windows/product-performance.ts',
        find: 'else if (input.quantity > 0) {',
        replace: 'else if (input.quantity !== 0) {',
      },
    ],
    tests: ['stream-jobs/windows/windows.test.ts'],
  },
  {
    name: 'answer-of-another-search',
    what: 'a search is answered by what the next search led to',
    edits: [
      {
        file: 'stream-jobs/windows/searches.ts',
        find: 'step.atMs >= atMs && step.atMs < untilMs',
        replace: 'step.atMs >= atMs && untilMs > 0',
      },
    ],
    tests: ['stream-jobs/windows/windows.test.ts'],
  },
  {
    name: 'burst-of-two-windows',
    what: 'each window that holds a burst reports it, as a signal of its own',
    edits: [
      {
        file: 'stream-jobs/windows/fraud-signals.ts',
        find: 'if (atMs >= fromMs + burstMs) break;',
        replace: 'if (atMs >= fromMs + 2 * burstMs) break;',
      },
    ],
    tests: ['stream-jobs/windows/windows.test.ts'],
  },
  {
    name: 'outage-that-costs-nothing',
    what: 'a rejection that comes an hour after its order does not find what the order asked for',
    edits: [
      {
        file: 'stream-jobs/windows/stock-outs.ts',
        find: 'const joinWithinMs = 6 * 60 * 60_000;',
        replace: 'const joinWithinMs = 60 * 60_000;',
      },
    ],
    tests: ['stream-jobs/windows/windows.test.ts'],
  },
  {
    name: 'served-and-remembered',
    what: 'an order whose stock is held stays in memory for as long as one that waits',
    edits: [
      {
        file: 'platform/streams/open-windows.ts',
        find: 'if (isSettled(open.sum)) remove(open);',
        replace: 'if (isSettled(open.sum) && late > 0) remove(open);',
      },
    ],
    tests: ['platform/streams/tour.test.ts', 'stream-jobs/windows/windows.test.ts'],
  },
  {
    name: 'drained-as-of-long-ago',
    what: 'a process that is cut off from the broker takes its partitions for drained, and drops what lies in them',
    edits: [
      {
        file: 'platform/streams/task-feed.ts',
        find: 'highWatermark <= nextOffset && endAgeMs <= endAgeMsMax',
        replace: 'highWatermark <= nextOffset && endAgeMs >= 0',
      },
    ],
    tests: ['platform/streams/task-feed.test.ts'],
  },
  {
    name: 'frozen-by-the-clock',
    what: 'partitions that are idle hold the others for as long as the clock was set back',
    edits: [
      {
        file: 'platform/streams/watermarks.ts',
        find: 'mark.isAheadOfClock = isIdle && markMs(mark) > followedMs;',
        replace: 'mark.isAheadOfClock = isIdle && markMs(mark) < followedMs - 1e12;',
      },
    ],
    tests: ['platform/streams/watermarks.test.ts'],
  },
  {
    name: 'live-figures-of-the-one-before',
    what: 'a process that was replaced writes one more live window over that of its successor',
    edits: [
      {
        file: 'stream-jobs/windows/live-store.ts',
        find: "or '0') > tonumber(ARGV[5])",
        replace: "or '0') > tonumber(ARGV[5]) + 1e15",
      },
    ],
    tests: ['tests/live-figures.int.test.ts'],
  },
  {
    name: 'resent-after-a-while',
    what: 'events that nobody can send again push those out of the memory that may come again',
    edits: [
      {
        file: 'platform/streams/repeat-filter.ts',
        find: 'given !== undefined && mayRepeat(given) ? given : undefined',
        replace: 'given',
      },
    ],
    tests: ['platform/streams/task-feed.test.ts'],
  },
  {
    name: 'ended-by-invented-visits',
    what: 'whoever invents very many keys ends the windows of all others early',
    edits: [
      {
        file: 'platform/streams/task.ts',
        find: 'writeEarly(windows.closeEarly(windowsMax));',
        replace: 'writeEarly(windows.closeEarly(2 * windows.weight));',
      },
    ],
    tests: ['platform/streams/tour.test.ts'],
  },
];
