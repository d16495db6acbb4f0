import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Beside other tests each takes 10 to 100 s: begun last, one of them alone would hold up the end. */
const longest = [
  'invoices.int',
  'windows.int',
  'backfill.int',
  'kafka-security.int',
  'launcher.int',
  'ingest.int',
  'gateway.int',
  'questions.int',
  'gathered-insert.int',
  'reactor.int',
  'completeness.int',
  'direct-pass.int',
  'query.int',
  'stopped-processes.int',
  'live-figures.int',
  'user/routes.int',
  'restart.int',
  'kafkajs-broker.int',
  'stripe-provider.int',
  'figures.int',
  'domain-events.int',
  'backlog.int',
  'typed-words.int',
  'postgres.int',
  'outbox.int',
  'gathered-rows-store.int',
  'shop-pages.e2e',
  'staff-pages.e2e',
  'web-trouble.e2e',
  'access.e2e',
  'request-bounds.e2e',
  'supervised-process',
  'setup/dependencies',
  'gateway/live-routes',
  'tracing',
].map((name) => `/${name}.test.ts`);

const rankOf = ({ moduleId }: TestSpecification): number => {
  const rank = longest.findIndex((name) => moduleId.endsWith(name));
  return rank < 0 ? longest.length : rank;
};

const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;

/** Vitest's own order, which is by size where nothing was measured before, but for the longest files of a group. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => groupOf(a) - groupOf(b) || rankOf(a) - rankOf(b));
  }
}
