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
/** A colon and a comma for each member of each event, as many again for members that are unknown. */
const separatorsMax = eventsPerRequestMax * 2 * 2 * Object.keys(shopperEvent.shape).length;
const kafkaTimeoutMs = 8000;

const { $schema: _dialect, ...documentedEvent } = z.toJSONSchema(shopperEvent, { io: 'input' });

/** Documented as an event, but accepted with any value, because each event is validated separately. */
const item = z.unknown().meta({
  anyOf: [
    documentedEvent,
    { description: 'An invalid item is refused by its index; the others are accepted.' },
  ],
});

const body = z.strictObject({ events: z.array(item).min(1).max(eventsPerRequestMax) });

const answer = z.object({
  accepted: z
    .int()
    .describe('How many of the events are stored now, including those that were stored before.'),
  errors: z.array(z.object({ index: z.int(), code: z.string(), message: z.string() })),
});

/** `POST /api/events`: receives what shoppers do, and answers when all in-sync replicas have the events. */
export const collectorRoutes = (
  app: HttpApp,
  host: Host,
  producer: Producer,
  publisher: EventPublisher<Pick<EventMap, 'ShopperActivity'>>,
): void => {
  const counted = host.metrics.counter('shopper_events_total', 'Shopper events received.', ['status']);

  const eventIdOf = (visitId: string, chosen?: string): string =>
    chosen === undefined ? newId(host.clock) : idOf(visitId, chosen);

  app.post(
    '/api/events',
    {
      access: 'public',
      config: { checksText: true, anonymousWithoutKeys: true, jsonSeparatorsMax: separatorsMax },
      schema: {
        tags: ['events'],
        summary: 'Report what a shopper did.',
        description:
          'Each event is validated separately: refused events are listed by index, the others are accepted. Events with the ' +
          'same `eventId` and the same visit count as one event. For recommendations the visits of one request count ' +
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

/** Writes on each record how many visits its request reports, so that one request counts as one visit. */
export const withVisitsTogether = (records: readonly EventMessage[]): readonly EventMessage[] => {
  const visits = new Set(records.map(({ key }) => key)).size;
  if (visits < 2) return records;
  return records.map((record) => ({
    ...record,
    headers: { ...record.headers, [visitsTogetherHeader]: String(visits) },
  }));
};

/** Bounds the wait: the producer retries for longer than a shopper's browser should wait. */
const taken = async (sending: Promise<void>): Promise<void> => {
  if (!(await endsWithin(kafkaTimeoutMs, sending)))
    throw unavailable('broker_unavailable', 'Events cannot be accepted at the moment. Try again.', 5);
  await sending;
};
