import { z } from 'zod';
import type { HttpApp } from '#platform/http/http-app';
import { staff } from '#schemas/roles';
import type { Upstream } from './upstream.js';

const askTimeoutMs = 2_500;

/** The answer of a service or job to `/health/consumers`. */
const partReport = z.object({
  items: z.array(
    z.object({
      group: z.string(),
      restarts: z.number(),
      trouble: z.string().nullable(),
      partitions: z.array(
        z.object({
          topic: z.string(),
          partition: z.int(),
          nextOffset: z.string(),
          lag: z.number(),
          heldForMs: z.number(),
          heldSince: z.string().nullable(),
          heldOffset: z.string().nullable(),
          failures: z.number(),
          reason: z.string().nullable(),
        }),
      ),
    }),
  ),
});

const consumerSchema = z
  .object({
    service: z.string(),
    group: z.string(),
    topic: z.string().nullable().describe('Null for a member of the group that has no partitions.'),
    partition: z.int().nullable(),
    nextOffset: z.string().nullable().describe('The offset of the first record not handled yet, decimal.'),
    lag: z.int().describe('Records left.'),
    heldForMs: z
      .int()
      .describe('How long there was no progress although records are left; 0 while it progresses.'),
    heldSince: z.iso.datetime().nullable(),
    heldOffset: z
      .string()
      .nullable()
      .describe('The offset of the record that holds the partition, if a single one does.'),
    failures: z.int().describe('How often in a row the next record has failed.'),
    reason: z
      .string()
      .nullable()
      .describe('The message of the last failure, or why the member has no partitions.'),
  })
  .meta({ id: 'ConsumerPartition' });

type Item = z.output<typeof consumerSchema>;

/** `GET /api/ops/consumers`: the progress of every consumer, those held longest first. */
export const consumerRoutes = (app: HttpApp, parts: readonly Upstream[]): void => {
  app.get(
    '/api/ops/consumers',
    {
      access: [...staff],
      schema: {
        tags: ['operations'],
        summary:
          'The progress of every consumer of events in each of its partitions, those held longest first.',
        querystring: z.strictObject({
          held: z.enum(['true', 'false']).optional().describe('`true`: only partitions without progress.'),
        }),
        response: {
          200: z.object({
            items: z.array(consumerSchema),
            missing: z.array(z.string()).describe('Services and jobs that did not answer.'),
          }),
        },
      },
    },
    async ({ query: { held } }) => {
      const answers = await Promise.all(parts.map(async (part) => ({ part, items: await itemsOf(part) })));
      const items = answers.flatMap((answer) => answer.items ?? []);
      return {
        items: items
          .filter((item) => held !== 'true' || item.heldForMs > 0 || item.topic === null)
          .sort((a, b) => b.heldForMs - a.heldForMs || b.lag - a.lag),
        missing: answers.flatMap(({ part, items: found }) => (found === null ? [part.name] : [])),
      };
    },
  );
};

/** Null when an instance of the part did not answer. */
const itemsOf = async (part: Upstream): Promise<Item[] | null> => {
  try {
    const answers = await part.getJsonOfEach('/health/consumers', askTimeoutMs);
    return answers.flatMap((answer) =>
      partReport.parse(answer).items.flatMap((consumer) => itemsOfConsumer(part.name, consumer)),
    );
  } catch {
    return null;
  }
};

const itemsOfConsumer = (
  service: string,
  { group, trouble, partitions }: z.output<typeof partReport>['items'][number],
): Item[] => {
  if (partitions.length > 0 || trouble === null)
    return partitions.map((partition) => ({
      service,
      group,
      ...partition,
      heldForMs: Math.round(partition.heldForMs),
    }));
  const nowhere = { topic: null, partition: null, nextOffset: null, heldSince: null, heldOffset: null };
  return [{ service, group, ...nowhere, lag: 0, heldForMs: 0, failures: 0, reason: trouble }];
};
