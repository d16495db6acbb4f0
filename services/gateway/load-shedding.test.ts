import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { createHttpServer } from '#platform/http/server';
import { testHost } from '#platform/testing/test-host';
import { createPlaces, shedLoad } from './load-shedding.js';

const host = testHost('gateway');
let url = '';

beforeAll(async () => {
  const { app, component } = createHttpServer(host, { port: 0, title: 'Gateway' });
  shedLoad(app, host.metrics, createPlaces(host.metrics, 1), { bodyMsMax: 300 });
  app.post(
    '/api/things',
    {
      access: 'anonymous',
      schema: { body: z.strictObject({ n: z.int() }), response: { 200: z.unknown() } },
    },
    async ({ body }) => body,
  );
  host.use(component);
  await host.start();
  url = component.url;
});
afterAll(() => host.stop());

/** Sends the head and the first part of a body, and answers what comes before it sends the rest. */
const begin = async (
  first: string,
): Promise<{ status: number; body: string; isClosed: Promise<boolean> }> => {
  const sending = request(`${url}/api/things`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  const isClosed = new Promise<boolean>((resolve) => sending.once('close', () => resolve(true)));
  sending.on('error', () => {});
  sending.write(first);
  return new Promise((resolve) =>
    sending.once('response', async (answer) => {
      let body = '';
      for await (const piece of answer) body += piece;
      resolve({ status: answer.statusCode ?? 0, body, isClosed });
    }),
  );
};

it('waits for a body only so long, and others are answered meanwhile', async () => {
  const late = begin('{"n":');
  const post = () =>
    fetch(`${url}/api/things`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"n":1}',
    });
  for (let n = 0; n < 3; n += 1) expect((await post()).status).toBe(200);
  const { status, body, isClosed } = await late;
  expect([status, JSON.parse(body)]).toEqual([408, expect.objectContaining({ code: 'body_timeout' })]);
  expect(await isClosed).toBe(true);
  expect((await post()).status).toBe(200);
});
