import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunnableHost } from '#platform/service-host';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { sleep } from '#platform/waiting/sleep';
import type { Authenticator } from './auth.js';
import { lastEventIdOf, type ServerEvent, sendEvents } from './event-stream.js';
import { createHttpServer } from './server.js';

let host: RunnableHost;
let url: string;
const stopping = new AbortController();
const ended: string[] = [];

/** Yields two events and then waits until the client has gone. */
async function* endless(gone: AbortSignal): AsyncGenerator<ServerEvent> {
  try {
    yield { event: 'status', id: '1', data: { text: 'two\nlines' } };
    yield { id: '2', data: 2 };
    await sleep(60_000, { signal: gone });
  } finally {
    ended.push('endless');
  }
}

async function* three(): AsyncGenerator<ServerEvent> {
  for (const data of [1, 2, 3]) yield { data };
}

/** More than any buffer on the way to a client takes. */
async function* huge(gone: AbortSignal): AsyncGenerator<ServerEvent> {
  try {
    while (!gone.aborted) yield { data: 'x'.repeat(100_000) };
  } finally {
    ended.push('huge');
  }
}

async function* faulty(): AsyncGenerator<ServerEvent> {
  yield { data: 1 };
  throw new Error('away');
}

beforeAll(async () => {
  host = testHost('streams');
  /** A token that expires soon; one that has expired already is refused. */
  const auth: Authenticator = {
    principalOf: async () => ({ kind: 'user', userId: 'u', roles: [], expiresAtMs: Date.now() + 100 }),
  };
  const { app, component } = createHttpServer(host, { port: 0, title: 'Streams', bodyBytesMax: 2000, auth });
  const access = 'anonymous' as const;
  const sources = { endless, three, faulty };
  for (const [name, source] of Object.entries(sources))
    app.get(`/${name}`, { access }, (_request, reply) =>
      sendEvents(reply, source, { stopping: stopping.signal }),
    );
  const bounds = { stopping: stopping.signal, stalledMs: 300 };
  app.get('/huge', { access }, (_request, reply) => sendEvents(reply, huge, bounds));
  app.get('/short', { access }, (_request, reply) => sendEvents(reply, endless, { ...bounds, seconds: 0.1 }));
  app.get('/of-account', { access: 'user' }, (_request, reply) => sendEvents(reply, endless, bounds));
  app.get('/asked', { access }, (request) => ({ last: lastEventIdOf(request) ?? null }));
  host.use(component);
  await host.start();
  url = component.url;
});
afterAll(() => host.stop());

const readUntil = async (path: string, isEnough: (text: string) => boolean) => {
  const leaving = new AbortController();
  const answer = await fetch(`${url}${path}`, { signal: leaving.signal });
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk as Uint8Array);
    if (isEnough(text)) break;
  }
  leaving.abort();
  return { answer, text };
};

describe('server-sent events', () => {
  it('are written as they come, with their names and ids, and cached by nobody', async () => {
    const { answer, text } = await readUntil('/endless', (read) => read.includes('data: 2'));
    expect(text).toBe(
      'retry: 2000\n\nevent: status\nid: 1\ndata: {"text":"two\\nlines"}\n\nid: 2\ndata: 2\n\n',
    );
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-correlation-id')).toBeTruthy();
  });

  it('end their source when the client has gone', async () => {
    ended.length = 0;
    await readUntil('/endless', (read) => read.includes('data: 2'));
    await eventually(() => ended.length === 1);
  });

  it('end with their source', async () => {
    const text = await (await fetch(`${url}/three`)).text();
    expect(text).toBe('retry: 2000\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n');
  });

  it('end after their time, in order', async () => {
    const text = await (await fetch(`${url}/short`)).text();
    expect(text).toContain('data: 2\n\n');
  });

  it('end when the token of their caller expires', async () => {
    const answer = await fetch(`${url}/of-account`, { headers: { authorization: 'Bearer a' } });
    expect(await answer.text()).toContain('data: 2\n\n');
  });

  it('cut off a client that does not read', async () => {
    ended.length = 0;
    const answer = await fetch(`${url}/huge`);
    await eventually(() => ended.includes('huge'));
    await expect(answer.text()).rejects.toThrow();
  });

  it('break the connection where their source fails, so that the client connects again', async () => {
    const answer = await fetch(`${url}/faulty`);
    await expect(answer.text()).rejects.toThrow();
  });

  it('report where the client wants to go on', async () => {
    const asked = async (headers: Record<string, string>) =>
      (await fetch(`${url}/asked`, { headers })).json();
    expect(await asked({})).toEqual({ last: null });
    expect(await asked({ 'last-event-id': '7' })).toEqual({ last: '7' });
  });

  it('end when the process stops', async () => {
    ended.length = 0;
    const answer = await fetch(`${url}/endless`);
    const text = answer.text();
    stopping.abort();
    await text;
    await eventually(() => ended.length === 1);
  });
});
