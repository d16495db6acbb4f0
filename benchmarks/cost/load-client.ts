/**
 * A loop of requests as a process of its own, so that its CPU time is counted apart. It is closed, each of `concurrency`
 * callers sends its next request when the last one is answered, unless the plan has a rate. Its plan is a `LoadPlan`; it prints a
 * `LoadResult` as JSON.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { type LoadResult, type Loop, measureLoop } from './measured-loop.js';
import { readPlan } from './plan.js';

export type LoadPlan = {
  origin: string;
  concurrency: number;
  durationMs: number;
  /** Not counted: before the measured time. */
  warmUpMs: number;
  /** Of one request after the other in turn; all requests of a checkout have the same. */
  headers?: Record<string, string>[];
  /** As many clients, each with an address of its own on the loopback; 1 if unset. */
  clients?: number;
  /** Requests a second at equal distances, as long as callers are free, whenever the last ones are answered. */
  perSecond?: number;
} & (
  | { kind: 'get'; paths: string[] }
  /** Each request is made unlike the others: `{{uuid}}` and `{{now}}` in the body are replaced. */
  | { kind: 'post'; path: string; body: string; expected: number }
  /** Places an order; one is one operation. */
  | { kind: 'orders'; bodies: string[] }
  /** Places an order and asks for its status every `pollMs` until it is confirmed; one round is one operation. */
  | { kind: 'checkout'; bodies: string[]; pollMs: number }
);

const requestTimeoutMs = 30_000;
const settleMsMax = 60_000;

type Caller = (n: number) => Promise<void>;

const bodyOf = (template: string): string =>
  template.replaceAll('{{uuid}}', () => randomUUID()).replaceAll('{{now}}', new Date().toISOString());

const hourMs = 3_600_000;
/** `{{from}}` and `{{to}}` in a path become a month that hardly ever comes twice. */
const dated = (path: string, n: number): string => {
  if (!path.includes('{{')) return path;
  const fromMs = Date.UTC(2026, 0, 1) + (n % 6000) * hourMs;
  const toMs = fromMs + (30 * 24 + (Math.floor(n / 6000) % 200)) * hourMs;
  const at = (ms: number): string => new Date(ms).toISOString();
  return path.replace('{{from}}', at(fromMs)).replace('{{to}}', at(toMs));
};

const callerOf = (plan: LoadPlan, pools: readonly Pool[]): Caller => {
  let sent = 0;
  const send = async (method: 'GET' | 'POST', path: string, body?: string, caller = sent + 1) => {
    sent += 1;
    const pool = pools[sent % pools.length] as Pool;
    const answer = await pool.request({
      method,
      path,
      headersTimeout: requestTimeoutMs,
      headers: {
        ...plan.headers?.[caller % plan.headers.length],
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'POST' ? { 'idempotency-key': randomUUID() } : {}),
      },
      ...(body === undefined ? {} : { body }),
    });
    return { status: answer.statusCode, text: await answer.body.text() };
  };
  const expect = (answer: { status: number; text: string }, status: number): string => {
    if (answer.status !== status) throw new Error(`${answer.status} ${answer.text.slice(0, 200)}`);
    return answer.text;
  };
  switch (plan.kind) {
    case 'get':
      return async (n) => {
        expect(await send('GET', dated(plan.paths[n % plan.paths.length] as string, n)), 200);
      };
    case 'post':
      return async () => {
        expect(await send('POST', plan.path, bodyOf(plan.body)), plan.expected);
      };
    case 'orders':
      return async (n) => {
        expect(await send('POST', '/api/orders', plan.bodies[n % plan.bodies.length] as string), 202);
      };
    case 'checkout':
      return async (n) => {
        const body = plan.bodies[n % plan.bodies.length] as string;
        const { id } = JSON.parse(expect(await send('POST', '/api/orders', body, n), 202)) as { id: string };
        const giveUpAtMs = performance.now() + settleMsMax;
        while (performance.now() < giveUpAtMs) {
          const { status } = JSON.parse(
            expect(await send('GET', `/api/orders/${id}/status`, undefined, n), 200),
          ) as {
            status: string;
          };
          if (status === 'confirmed') return;
          if (status === 'cancelled') throw new Error(`order ${id} was cancelled`);
          await sleep(plan.pollMs);
        }
        throw new Error(`order ${id} was not confirmed in ${settleMsMax} ms`);
      };
  }
};

const run = async (plan: LoadPlan): Promise<LoadResult> => {
  const { clients = 1, concurrency, perSecond } = plan;
  const pools = Array.from(
    { length: clients },
    (_, n) =>
      new Pool(plan.origin, {
        connections: Math.ceil(concurrency / clients),
        pipelining: 1,
        ...(clients === 1 ? {} : { localAddress: `127.0.1.${n + 1}` }),
      }),
  );
  const call = callerOf(plan, pools);
  let next = Math.floor(Math.random() * 1_000_000);
  const loop: Loop = async (untilMs, onDone) => {
    let dueAtMs = performance.now();
    const one = async () => {
      while (performance.now() < untilMs) {
        let startedAtMs = performance.now();
        if (perSecond !== undefined) {
          const mineAtMs = dueAtMs;
          dueAtMs += 1000 / perSecond;
          const isFree = mineAtMs > startedAtMs;
          if (isFree) await sleep(mineAtMs - startedAtMs);
          // A caller that was not free in time waited for an answer, which counts; a late timer does not.
          startedAtMs = isFree ? performance.now() : mineAtMs;
        }
        next += 1;
        await call(next).then(
          () => onDone(performance.now() - startedAtMs),
          (failure: unknown) => onDone(performance.now() - startedAtMs, failure),
        );
      }
    };
    await Promise.all(Array.from({ length: plan.concurrency }, one));
  };
  const result = await measureLoop(loop, plan);
  await Promise.all(pools.map((pool) => pool.destroy()));
  return result;
};

console.log(JSON.stringify(await run(await readPlan<LoadPlan>())));
