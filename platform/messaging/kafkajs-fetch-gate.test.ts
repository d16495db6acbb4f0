import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { createFetchGate } from '#platform/messaging/kafkajs-fetch-gate';
import { sleep } from '#platform/waiting/sleep';

type Response = { responses: unknown[] };

type Request = { maxWaitTime: number };

const attached = async (
  gate: ReturnType<typeof createFetchGate>,
  fetch: (request: Request) => Promise<Response>,
) => {
  const broker = { fetch };
  const cluster = { refreshMetadataIfNecessary: async () => {}, findBroker: async () => broker };
  gate.attach(cluster);
  await cluster.findBroker();
  return {
    /** As kafkajs does it: a look at the metadata, then the request. */
    fetch: async () => {
      await cluster.refreshMetadataIfNecessary();
      return (await cluster.findBroker()).fetch({ maxWaitTime: 1_000 });
    },
  };
};

describe('a gate before fetches', () => {
  test('holds them until the assignment has begun', async () => {
    const gate = createFetchGate();
    const order: string[] = [];
    const { fetch } = await attached(gate, async () => {
      order.push('fetched');
      return { responses: [] };
    });
    gate.close();
    const fetching = fetch();
    await sleep(20);
    order.push('begun');
    gate.open();
    await fetching;
    expect(order).toEqual(['begun', 'fetched']);
  });

  test('ends the one that the broker holds when the consumer leaves, and those that come later', async () => {
    const gate = createFetchGate(60_000);
    const { fetch } = await attached(gate, () => new Promise(() => {}));
    const fetching = fetch();
    await sleep(1);
    gate.abandon();
    expect(await fetching).toEqual({ responses: [] });
    expect(await fetch()).toEqual({ responses: [] });
  });

  test('keeps them apart', async () => {
    const { fetch } = await attached(createFetchGate(40), async () => ({ responses: [] }));
    const startedAtMs = performance.now();
    for (let fetched = 0; fetched < 4; fetched += 1) await fetch();
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(115);
  });

  test('does not keep them apart while there is a backlog', async () => {
    const large = { partitions: [{ messages: [{ value: Buffer.alloc(300_000) }] }] };
    const { fetch } = await attached(createFetchGate(60_000), async () => ({ responses: [large] }));
    for (let fetched = 0; fetched < 4; fetched += 1) await fetch();
  });

  test('lets the broker hold them longer once they found nothing, but for a partition that is paused', async () => {
    let isPaused = false;
    const record = { partitions: [{ messages: [{ value: Buffer.alloc(1) }] }] };
    const found = [[], [], [], [record], [], [], [], []];
    const waits: number[] = [];
    const { fetch } = await attached(
      createFetchGate(0, () => isPaused),
      async ({ maxWaitTime }) => {
        waits.push(maxWaitTime);
        return { responses: found[waits.length - 1] ?? [] };
      },
    );
    for (let fetched = 0; fetched < 7; fetched += 1) await fetch();
    isPaused = true;
    await fetch();
    expect(waits).toEqual([1_000, 1_000, 5_000, 5_000, 1_000, 1_000, 5_000, 1_000]);
  });

  test('keeps no response that was fetched', async () => {
    const responses: WeakRef<Response>[] = [];
    const { fetch } = await attached(createFetchGate(), async () => {
      const response = { responses: [{ partitions: [{ messages: [{ value: Buffer.alloc(1000) }] }] }] };
      responses.push(new WeakRef(response));
      return response;
    });
    for (let fetched = 0; fetched < 100; fetched += 1) await fetch();
    setFlagsFromString('--expose_gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    await sleep(1);
    collectGarbage();
    expect(responses.filter((response) => response.deref() !== undefined).length).toBeLessThan(5);
  });
});
