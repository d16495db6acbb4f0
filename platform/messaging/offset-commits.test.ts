import { expect, it } from 'vitest';
import { createOffsetCommits, type TopicOffsets } from '#platform/messaging/offset-commits';

const at = (topic: string, partition: number) => ({ topic, partition });

it('sends the commits of one turn, and those that come meanwhile, with one request each', async () => {
  const sent: TopicOffsets[][] = [];
  let answer: () => void = () => {};
  const commit = createOffsetCommits((topics) => {
    sent.push(topics);
    return new Promise<void>((resolve) => {
      answer = resolve;
    });
  });
  const first = [commit(at('a', 0), 5n), commit(at('a', 1), 6n), commit(at('b', 0), 7n)];
  await new Promise(setImmediate);
  const second = [commit(at('a', 0), 8n), commit(at('a', 0), 9n)];
  answer();
  await Promise.all(first);
  answer();
  await Promise.all(second);
  expect(sent).toEqual([
    [
      {
        topic: 'a',
        partitions: [
          { partition: 0, offset: '5' },
          { partition: 1, offset: '6' },
        ],
      },
      { topic: 'b', partitions: [{ partition: 0, offset: '7' }] },
    ],
    [{ topic: 'a', partitions: [{ partition: 0, offset: '9' }] }],
  ]);
});

it('rejects the commits of a request that fails, and sends the next ones', async () => {
  let failing = true;
  const commit = createOffsetCommits(async () => {
    if (failing) throw new Error('no member');
  });
  const refused = await Promise.allSettled([commit(at('a', 0), 1n), commit(at('a', 1), 1n)]);
  expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  failing = false;
  await commit(at('a', 0), 1n);
});
