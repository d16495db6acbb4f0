import { z } from 'zod';
import { matching } from '#platform/http/text';
import { fraudSignalSchema } from '#schemas/fraud-signal-view';

/** So many topics one connection may have; a page needs two or three. */
const topicsMax = 20;

/** As the order service reads an id, so that what the document allows is refused by nobody behind it. */
const uuidText = '[\\da-fA-F]{8}-[\\da-fA-F]{4}-[1-8][\\da-fA-F]{3}-[89abAB][\\da-fA-F]{3}-[\\da-fA-F]{12}';
const topicText = `(?:analytics|ops|orders\\.${uuidText})`;

/** `analytics`, `ops`, or `orders.<id>`. */
export type TopicName = string;

/** The topics of a query: several are separated by commas. A topic that is named twice counts once. */
export const topicsText = matching(
  1000,
  new RegExp(`^${topicText}(?:,${topicText}){0,${topicsMax - 1}}$`),
  `must be up to ${topicsMax} topics, separated by commas: analytics, ops, orders.<order id>`,
);

export const topicsIn = (text: z.output<typeof topicsText>): readonly TopicName[] => [
  ...new Set(text.split(',').map((name) => name.toLowerCase())),
];

export const positionsCharsMax = 4_000;

/** Where a client is in each of its topics: the id of the last event that it has of each. */
export type Positions = ReadonlyMap<TopicName, string>;

/** As the id of an event, which says of all topics at once how far the client is. */
export const idOf = (positions: Positions): string => new URLSearchParams([...positions]).toString();

/** The positions in a `Last-Event-ID`; none in one that is not ours. Each is a header for its source, as ids of events are. */
export const positionsIn = (id: string | undefined): Map<TopicName, string> =>
  new Map(
    id === undefined || id.length > positionsCharsMax
      ? []
      : [...new URLSearchParams(id)].filter(([, position]) => /^[!-~]{1,64}$/.test(position)),
  );

const count = z.int();

/** What staff should know of at once. A part is null while nobody can say. */
export const opsSignals = z
  .object({
    asOf: z.iso.datetime(),
    servicesDown: z.array(z.string()).describe('Services, jobs and engines that do not work.'),
    servicesSlow: z.array(z.string()).describe('Those of them that only did not answer in time.'),
    servicesDegraded: z.array(z.string()).describe('Those that work without something they use.'),
    stuckOrders: z
      .object({
        count: count.describe('100 stands for 100 or more.'),
        oldestSince: z.iso.datetime().nullable().describe('The last event of the order that waits longest.'),
      })
      .nullable(),
    deadLetters: z
      .object({
        waiting: count,
        groups: z
          .array(z.object({ topic: z.string(), group: z.string(), reason: z.string(), waiting: count }))
          .describe('The largest twenty.'),
      })
      .nullable(),
    lowStock: z
      .object({ count: count.describe('100 stands for 100 or more.'), outOfStock: count })
      .nullable(),
    fraudSignals: z
      .object({
        count: count.describe('Those of the last 24 hours; 100 stands for 100 or more.'),
        newest: z.array(fraudSignalSchema).describe('The newest five of them, newest first.'),
      })
      .nullable(),
  })
  .meta({ id: 'OpsSignals' });

export type OpsSignals = z.output<typeof opsSignals>;
