import { describe, expect, it } from 'vitest';
import { createEventPublisher, type EventPublisher, type EventTable } from '#platform/messaging/events';
import type { SchemaRegistry } from '#platform/messaging/schema-registry';
import { testHost } from '#platform/testing/test-host';

type Events = { ThingMade: { step: number }; ThingScrapped: { reason: string } };

const schemaOf = (name: string, field: string, type: string) =>
  ({ type: 'record', name, namespace: 'test', fields: [{ name: field, type }] }) as const;
const table: EventTable<Events> = {
  ThingMade: { topic: 'things', subject: 'test.ThingMade', schema: schemaOf('ThingMade', 'step', 'int') },
  ThingScrapped: {
    topic: 'things',
    subject: 'test.ThingScrapped',
    schema: schemaOf('ThingScrapped', 'reason', 'string'),
  },
};

/** No publisher here is started: nothing asks it. */
const registry = {} as SchemaRegistry;
const host = testHost();

describe('what a service publishes', () => {
  it('is known to the compiler: the types declared, each with its own value', () => {
    const publisher = createEventPublisher(host, registry, table, ['ThingMade']);
    const options = { occurredAt: 0 };
    const calls = [
      () => publisher.event('ThingMade', 'k', { step: 1 }, options),
      // @ts-expect-error: not declared.
      () => publisher.event('ThingScrapped', 'k', { reason: '' }, options),
      // @ts-expect-error: the value of another.
      () => publisher.event('ThingMade', 'k', { reason: '' }, options),
      // @ts-expect-error: declared, but it has no schema.
      () => createEventPublisher(host, registry, table, ['ThingLost']),
    ];
    expect(calls).toHaveLength(4);

    const same: EventPublisher<Pick<Events, 'ThingMade'>> = publisher;
    // @ts-expect-error: a store that publishes more than was declared cannot take this publisher.
    const more: EventPublisher<Events> = publisher;
    expect([same, more]).toEqual([publisher, publisher]);
  });
});
