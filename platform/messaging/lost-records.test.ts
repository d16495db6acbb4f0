import { expect, test } from 'vitest';
import { createLosses } from '#platform/messaging/lost-records';
import { takeLoggedErrors, testLogger } from '#platform/testing/logged-errors';

const at = (partition: number) => ({ topic: 'things', partition });

test('what Kafka deleted before it was read counts once, whoever is told of it how often', () => {
  const losses = createLosses('test.group', testLogger('losses'));
  losses.look(at(0), 7n, 7n);
  losses.look(at(0), 9n, 7n);
  expect(losses.all()).toEqual([]);

  losses.look(at(0), 7n, 10n);
  losses.look(at(0), 7n, 10n);
  losses.look(at(1), 0n, 1n);
  expect(losses.all()).toEqual([
    { topic: 'things', partition: 0, records: 3n },
    { topic: 'things', partition: 1, records: 1n },
  ]);
  // The log begins later still while nothing is read; then after some were read.
  losses.look(at(0), 7n, 12n);
  losses.look(at(0), 20n, 21n);
  expect(losses.all()[0]).toEqual({ topic: 'things', partition: 0, records: 6n });
  expect(takeLoggedErrors()).toMatchObject([
    { group: 'test.group', topic: 'things', partition: 0, fromOffset: '7', toOffset: '10' },
    { partition: 1, fromOffset: '0', toOffset: '1' },
    { partition: 0, fromOffset: '10', toOffset: '12' },
    { partition: 0, fromOffset: '20', toOffset: '21' },
  ]);
});
