import { createRequire } from 'node:module';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { quietenTimers } from '#platform/messaging/kafkajs-timers';

type Entry = { correlationId: number };
type Queue = {
  push(request: {
    entry: Entry;
    expectResponse: boolean;
    sendRequest(): void;
    requestTimeout?: number;
  }): void;
  fulfillRequest(answer: { correlationId: number; payload: null; size: number }): void;
  maybeThrottle(ms: number): void;
  scheduleRequestTimeoutCheck(): void;
  destroy(): void;
};

quietenTimers();
const logger = { debug: () => {}, warn: () => {} };
const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as new (
  options: object,
) => Queue;

let queue: Queue;
beforeEach(() => {
  vi.useFakeTimers();
  queue = new RequestQueue({
    maxInFlightRequests: 1,
    requestTimeout: 10_000,
    enforceRequestTimeout: true,
    clientId: 'test',
    broker: 'test',
    logger: { namespace: () => logger, ...logger },
    isConnected: () => true,
  });
});
afterEach(() => {
  queue.destroy();
  vi.useRealTimers();
});

const sent: number[] = [];
const rejected: unknown[] = [];
beforeEach(() => {
  sent.length = 0;
  rejected.length = 0;
});
const push = (correlationId: number): void =>
  queue.push({
    entry: {
      correlationId,
      resolve: () => {},
      reject: (error: unknown) => rejected.push(error),
    } as Entry,
    expectResponse: true,
    sendRequest: () => sent.push(correlationId),
  });
const answer = (correlationId: number) => queue.fulfillRequest({ correlationId, payload: null, size: 0 });

it('a connection without requests has no timer', () => {
  push(1);
  answer(1);
  expect(sent).toEqual([1]);
  expect(vi.getTimerCount()).toBe(0);
});

it('a request that waits for another is sent when that is answered', () => {
  push(1);
  push(2);
  expect(sent).toEqual([1]);
  answer(1);
  expect(sent).toEqual([1, 2]);
});

it('a throttled request is sent when the broker’s pause is over', () => {
  queue.maybeThrottle(500);
  push(1);
  vi.advanceTimersByTime(499);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(2);
  expect(sent).toEqual([1]);
});

it('a request without an answer is given up after its time', () => {
  queue.scheduleRequestTimeoutCheck();
  push(1);
  vi.advanceTimersByTime(9_000);
  expect(rejected).toHaveLength(0);
  vi.advanceTimersByTime(2_500);
  expect(rejected).toHaveLength(1);
});
