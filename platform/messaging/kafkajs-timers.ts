import { createRequire } from 'node:module';
import { eachSecond } from '#platform/waiting/each-second';

/** The parts of kafkajs's queue of a connection's requests that are used here. */
type RequestQueue = {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  inflight: Map<number, { sentAt: number; requestTimeout: number; timeoutRequest(): void }>;
  enforceRequestTimeout: boolean;
  destroy(): void;
  isConnected(): boolean;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
  scheduleRequestTimeoutCheck(): void;
};

const checkPendingMs = 10;
/** Ends the look for requests without an answer, which are given up at most a second late. */
const stops = new WeakMap<RequestQueue, () => void>();

/**
 * Gives kafkajs's connections timers that run only when there is something to do. Without it every connection wakes up
 * each millisecond while it is idle: after each answer kafkajs schedules a look at its queue at `throttledUntil - now`,
 * which is negative for a broker that does not throttle and therefore means 1 ms, and that look schedules the next one.
 * Its timer for requests that have no answer is shared by all connections.
 * Call it once, before the first connection.
 */
export const quietenTimers = (): void => {
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
    prototype: RequestQueue;
  };
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    // While requests only wait for others' answers, the next answer looks at the queue.
    if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return;
    const throttledMs = this.throttledUntil - Date.now();
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledMs > 0 ? throttledMs : checkPendingMs,
    );
  };
  prototype.scheduleRequestTimeoutCheck = function (this: RequestQueue): void {
    if (!this.enforceRequestTimeout) return;
    this.destroy();
    const look = () => {
      const nowMs = Date.now();
      for (const request of this.inflight.values())
        if (nowMs - request.sentAt > request.requestTimeout) request.timeoutRequest();
      if (!this.isConnected()) this.destroy();
    };
    stops.set(this, eachSecond(look));
  };
  const { destroy } = prototype;
  prototype.destroy = function (this: RequestQueue): void {
    stops.get(this)?.();
    stops.delete(this);
    destroy.call(this);
  };
};
