import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Beside other tests each takes 20 to 100 s: begun last, one of them alone would hold up the end. */
const longest = [
  'invoices',
  'windows',
  'backfill',
  'kafka-security',
  'launcher',
  'ingest',
  'gateway',
  'questions',
  'gathered-insert',
  'reactor',
  'completeness',
  'direct-pass',
  'query',
  'stalled-process',
  'live-figures',
  'user/routes',
  'restart',
].map((name) => `/${name}.int.test.ts`);

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
