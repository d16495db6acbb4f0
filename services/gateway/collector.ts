import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { HttpApp } from '#platform/http/http-app';
import { unavailable } from '#platform/http/problem-details';
import { idOf, newId } from '#platform/ids';
import type { Producer } from '#platform/messaging/broker';
import type { EventMessage, EventPublisher } from '#platform/messaging/events';
import type { Host } from '#platform/service-host';
import { endsWithin } from '#platform/waiting/deadline';
import type { EventMap } from '#schemas/events';
import { visitsTogetherHeader } from '#schemas/topics';
import { deviceOf } from './device.js';
import { createSendBound } from './send-bound.js';
import { createSenderCalm } from './sender-calm.js';
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
  senderOf: (request: FastifyRequest) => string,
  /** Of all requests of the gateway half, so that others go on while Kafka is away. */
  waitingMax: number,
): void => {
  const bound = createSendBound(waitingMax, host.clock.monotonicMs);
  const calm = createSenderCalm(host.clock.nowMs);
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
          'same `eventId` and the same visit count as one event, unless some twenty thousand other events with an ' +
          '`eventId` came between them. For recommendations the visits of one request count together as one visit, and ' +
          'what one sender reports of one product counts less and less within ten minutes.',
        body,
        response: { 202: answer },
      },
    },
    async (request, reply) => {
      const { principal, body } = request;
      const device = deviceOf(request.headers);
      const context = { principal, device, nowMs: host.clock.nowMs(), eventIdOf };
      const records = new Map<string, Reported>();
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
          records.set(eventId, {
            productId: activity.product_id,
            message: publisher.event('ShopperActivity', visitId, activity, { occurredAt, eventId }),
          });
      }
      const accepted = body.events.length - errors.length;
      if (records.size > 0) {
        const leave = bound.enter();
        if (leave === undefined) throw awayFromKafka();
        // Whoever has a key reports for many shoppers.
        const sender = principal.kind === 'key' ? null : senderOf(request);
        const weighed: [productId: string, share: number][] = [];
        const noted = withVisitsTogether([...records.values()], (productId, share) => {
          if (sender === null || productId === null) return 1;
          weighed.push([productId, share]);
          return calm.weigh(sender, productId, share);
        });
        const sending = producer.send(noted);
        sending.catch(() => {
          for (const [productId, share] of weighed) calm.takeBack(sender ?? '', productId, share);
        });
        try {
          await taken(sending);
        } finally {
          leave();
        }
      }
      counted.inc({ status: 'success' }, records.size);
      counted.inc({ status: 'failure' }, errors.length);
      return reply.code(202).send({ accepted, errors });
    },
  );
};

type Reported = { productId: string | null; message: EventMessage };

/**
 * Writes on each record for how many visits' reports it is one: the visits of its request, so that one request counts as
 * one visit, times what `calm` says of the product and the share that the record would count otherwise.
 */
export const withVisitsTogether = (
  records: readonly Reported[],
  calm: (productId: string | null, share: number) => number = () => 1,
): readonly EventMessage[] => {
  const visits = new Set(records.map(({ message }) => message.key)).size;
  return records.map(({ productId, message }) => {
    const together = visits * calm(productId, 1 / visits);
    return together < noticeable
      ? message
      : { ...message, headers: { ...message.headers, [visitsTogetherHeader]: shortOf(together) } };
  });
};

const noticeable = 1.01;
const shortOf = (together: number): string => String(Math.round(together * 100) / 100);

/** Bounds the wait: the producer retries for longer than a shopper's browser should wait. */
const taken = async (sending: Promise<void>): Promise<void> => {
  if (!(await endsWithin(kafkaTimeoutMs, sending))) throw awayFromKafka();
  await sending;
};

const awayFromKafka = () =>
  unavailable('broker_unavailable', 'Events cannot be accepted at the moment. Try again.', 5);
