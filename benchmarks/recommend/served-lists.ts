/**
 * Serves lists as the recommendation service does, by its own routes over its own catalogue in PostgreSQL, with models that have
 * learned a file of `recommend:batch`. Started by `beside-serenade.ts`, whose messages it answers.
 */

import { createReadStream } from 'node:fs';
import { text } from 'node:stream/consumers';
import { trace } from '@opentelemetry/api';
import { anonymous } from '#platform/http/auth';
import { createHttpServer } from '#platform/http/server';
import { createDatabase } from '#platform/postgres/pool';
import { projectPath } from '#platform/project';
import { createRedis } from '#platform/redis/client';
import { createHost } from '#platform/service-host';
import { createLogger } from '#platform/telemetry/logger';
import { createMetrics } from '#platform/telemetry/metrics';
import { recentMs } from '#recommenders/activity';
import { readEvent } from '#recommenders/batch-lines';
import { createRecommender } from '#recommenders/recommender';
import { createCatalogueStore } from '../../services/recommendation/catalogue-store.js';
import { freshCatalogue, freshSimilarity } from '../../services/recommendation/fresh-view.js';
import { createModel } from '../../services/recommendation/model.js';
import { createSharedRanking } from '../../services/recommendation/model-ranking.js';
import type { Question } from '../../services/recommendation/question.js';
import { recommend, type Sources } from '../../services/recommendation/recommend.js';
import { redisSimilarityView, viewOrNothing } from '../../services/recommendation/redis-view.js';
import { recommendationRoutes } from '../../services/recommendation/routes.js';
import { noRules } from '../../services/recommendation/rules.js';
import { percentile } from '../figures.js';

export type ServedPlan = { databaseUrl: string; redisUrl: string; eventsFile: string; atMs: number };
export type Asked = { visitors: readonly { visitId: string; inView: string }[]; durationMs: number };
export type InProcess = { rate: number; ratePerCpu: number; p99Ms: number };

const plan = JSON.parse(process.argv[2] as string) as ServedPlan;
const limit = 20;
const productsAtOnce = 10_000;

const recommender = createRecommender();
const productIds = new Set<string>();
for (const line of (await text(createReadStream(plan.eventsFile))).split('\n')) {
  if (line === '') continue;
  const read = readEvent(line);
  if (!('value' in read) || read.value === null) throw new Error(`an event that cannot be read: ${line}`);
  recommender.learn(read.value);
  for (const productId of read.value.productIds) productIds.add(productId);
}

const host = createHost({
  service: 'recommendation',
  logger: createLogger('recommendation', { level: 'error' }),
  metrics: createMetrics('recommendation'),
  tracer: trace.getTracer('recommendation'),
  // Lists depend on when they are asked for, and are to be compared.
  clock: { nowMs: () => plan.atMs, monotonicMs: () => performance.now() },
  onFatal: (error) => {
    throw error;
  },
});
const db = host.use(
  createDatabase(host, {
    url: plan.databaseUrl,
    migrations: ['platform/inbox/migrations', 'services/recommendation/migrations'].map(projectPath),
  }),
);
const redis = host.use(createRedis(host, plan.redisUrl));
const http = createHttpServer(host, {
  port: 0,
  title: 'recommendation',
  auth: { principalOf: async () => anonymous },
});
const sources: Sources = {
  similarity: freshSimilarity(
    viewOrNothing(redisSimilarityView(redis.client, host.clock), redis),
    host.clock,
  ),
  catalogue: freshCatalogue(createCatalogueStore(db, { nowMs: host.clock.nowMs, recentMs }), host.clock),
  model: { ...createModel(recommender), isReady: () => true },
  ranking: createSharedRanking(host.clock),
  rules: () => noRules,
};
recommendationRoutes(http.app, host, { ...sources, experiments: () => [] });
host.use(http.component);
await host.start();
const all = [...productIds];
for (let nth = 0; nth < all.length; nth += productsAtOnce)
  await db.query(
    `INSERT INTO products (product_id, category, created_at, active, available)
     SELECT id, '', now(), true, 1 FROM unnest($1::text[]) AS given(id)`,
    [all.slice(nth, nth + productsAtOnce)],
  );

const ask = async ({ visitors, durationMs }: Asked): Promise<InProcess> => {
  const timesMs: number[] = [];
  const cpuBefore = process.cpuUsage();
  const startedAtMs = performance.now();
  for (let nth = 0; performance.now() - startedAtMs < durationMs; nth += 1) {
    const { visitId, inView } = visitors[nth % visitors.length]!;
    const question: Question = {
      scenario: 'product',
      visitId,
      productId: inView,
      exclude: [],
      limit,
      nowMs: plan.atMs,
    };
    const askedAtMs = performance.now();
    await recommend(question, sources);
    timesMs.push(performance.now() - askedAtMs);
  }
  const seconds = (performance.now() - startedAtMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    rate: timesMs.length / seconds,
    ratePerCpu: (timesMs.length * 1e6) / (user + system),
    p99Ms: percentile(timesMs, 0.99),
  };
};

process.on('message', (asked: Asked | 'stop') => {
  if (asked === 'stop') void host.stop().then(() => process.exit());
  else void ask(asked).then((measured) => process.send?.(measured));
});
process.send?.(http.component.url);
