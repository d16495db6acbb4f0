import { z } from 'zod';
import { unavailable } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { newId } from '#platform/ids';
import type { Producer } from '#platform/messaging/broker';
import type { EventMessage, EventPublisher } from '#platform/messaging/events';
import type { Host } from '#platform/service-host';
import { endsWithin } from '#platform/waiting/deadline';
import type { EventMap } from '#schemas/events';
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
  accepted: z.int().describe('How many events Kafka has now.'),
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

  app.post(
    '/api/events',
    {
      access: 'public',
      config: { checksText: true, anonymousWithoutKeys: true },
      schema: {
        tags: ['events'],
        summary: 'Tell what a shopper did.',
        description:
          'Events are judged one by one: those refused are listed by index, the others are accepted.',
        body,
        response: { 202: answer },
      },
    },
    async (request, reply) => {
      const nowMs = host.clock.nowMs();
      const records: EventMessage[] = [];
      const errors: z.output<typeof answer>['errors'] = [];
      for (const [index, event] of request.body.events.entries()) {
        const eventId = newId(host.clock);
        const judged = judgeShopperEvent(event, { principal: request.principal, nowMs, eventId });
        if ('activity' in judged) {
          const { activity } = judged;
          const options = { occurredAt: activity.occurred_at, eventId };
          records.push(publisher.event('ShopperActivity', activity.visit_id, activity, options));
        } else errors.push({ index, ...judged });
      }
      if (records.length > 0) await accepted(producer.send(records));
      counted.inc({ status: 'success' }, records.length);
      counted.inc({ status: 'failure' }, errors.length);
      return reply.code(202).send({ accepted: records.length, errors });
    },
  );
};

/** A broker that is away is tried again for longer than a shopper's browser should wait. */
const accepted = async (sending: Promise<void>): Promise<void> => {
  if (!(await endsWithin(kafkaTimeoutMs, sending)))
    throw unavailable('broker_unavailable', 'Events cannot be taken at the moment.', 5);
  await sending;
};
