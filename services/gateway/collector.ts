import { z } from 'zod';
import { unavailable } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { idOf, newId } from '#platform/ids';
import type { Producer } from '#platform/messaging/broker';
import type { EventMessage, EventPublisher } from '#platform/messaging/events';
import type { Host } from '#platform/service-host';
import { endsWithin } from '#platform/waiting/deadline';
import type { EventMap } from '#schemas/events';
import { visitsTogetherHeader } from '#schemas/topics';
import { judgeShopperEvent, shopperEvent } from './shopper-event.js';

const eventsPerRequestMax = 500;
const kafkaTimeoutMs = 8000;

const { $schema: _dialect, ...documentedEvent } = z.toJSONSchema(shopperEvent, { io: 'input' });

/** Documented as an event, taken as anything: each is judged by itself and refused by its index. */
const item = z.unknown().meta({
  anyOf: [documentedEvent, { description: 'Anything else is refused by its index; the rest is accepted.' }],
});

const body = z.strictObject({ events: z.array(item).min(1).max(eventsPerRequestMax) });

const answer = z.object({
  accepted: z
    .int()
    .describe('How many of the events sent are in Kafka now, those that it had already among them.'),
  errors: z.array(z.object({ index: z.int(), code: z.string(), message: z.string() })),
});

/** `POST /api/events`: what shoppers do, answered when all in-sync replicas have it. */
export const collectorRoutes = (
  app: HttpApp,
  host: Host,
  producer: Producer,
  publisher: EventPublisher<Pick<EventMap, 'ShopperActivity'>>,
): void => {
  const counted = host.metrics.counter('shopper_events_total', 'Shopper events sent in.', ['status']);

  const eventIdOf = (visitId: string, chosen?: string): string =>
    chosen === undefined ? newId(host.clock) : idOf(visitId, chosen);

  app.post(
    '/api/events',
    {
      access: 'public',
      config: { checksText: true, anonymousWithoutKeys: true },
      schema: {
        tags: ['events'],
        summary: 'Report what a shopper did.',
        description:
          'Events are judged one by one: those refused are listed by index, the others are accepted. An event sent again ' +
          'with the same `eventId` of the same visit is one event. For recommendations the visits of one request count ' +
          'together as one visit.',
        body,
        response: { 202: answer },
      },
    },
    async (request, reply) => {
      const { principal, body } = request;
      const context = { principal, nowMs: host.clock.nowMs(), eventIdOf };
      const records = new Map<string, EventMessage>();
      const errors: z.output<typeof answer>['errors'] = [];
      for (const [index, event] of body.events.entries()) {
        const judged = judgeShopperEvent(event, context);
        if (!('activity' in judged)) {
          errors.push({ index, ...judged });
          continue;
        }
        const { activity } = judged;
        const { event_id: eventId, visit_id: visitId, occurred_at: occurredAt } = activity;
        if (!records.has(eventId))
          records.set(
            eventId,
            publisher.event('ShopperActivity', visitId, activity, { occurredAt, eventId }),
          );
      }
      const accepted = body.events.length - errors.length;
      if (records.size > 0) await taken(producer.send(withVisitsTogether([...records.values()])));
      counted.inc({ status: 'success' }, records.size);
      counted.inc({ status: 'failure' }, errors.length);
      return reply.code(202).send({ accepted, errors });
    },
  );
};

/** Says on each record how many visits its request tells of, so that no request counts as a crowd. */
const withVisitsTogether = (records: readonly EventMessage[]): readonly EventMessage[] => {
  const visits = new Set(records.map(({ key }) => key)).size;
  if (visits < 2) return records;
  return records.map((record) => ({
    ...record,
    headers: { ...record.headers, [visitsTogetherHeader]: String(visits) },
  }));
};

/** A broker that is away is tried again for longer than a shopper's browser should wait. */
const taken = async (sending: Promise<void>): Promise<void> => {
  if (!(await endsWithin(kafkaTimeoutMs, sending)))
    throw unavailable('broker_unavailable', 'Events cannot be taken at the moment.', 5);
  await sending;
};
