import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openStream, type StreamState } from './live-stream.ts';
import { acceptLogin, forgetLogin } from './login.ts';

/** A browser with one stream open after the other, whose bytes the test sends. */
const page = Object.assign(new EventTarget(), { hidden: false });
const network = new EventTarget();
let connections: { send(text: string): void; signal: AbortSignal; lastEventId: string | null }[] = [];
let states: StreamState[] = [];
let end = (): void => undefined;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', page);
  vi.stubGlobal('window', network);
  vi.stubGlobal('localStorage', { getItem: () => null });
  vi.stubGlobal('fetch', async (_: string, { signal, headers }: RequestInit & { signal: AbortSignal }) => {
    let send: (text: string) => void = () => undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        send = (text) => controller.enqueue(new TextEncoder().encode(text));
        signal.addEventListener('abort', () => controller.error(signal.reason));
      },
    });
    connections.push({ send, signal, lastEventId: new Headers(headers).get('last-event-id') });
    return new Response(body);
  });
  connections = [];
  states = [];
  end = openStream('/api/live', { onEvent: () => undefined, onState: (state) => states.push(state) });
});
afterEach(() => {
  end();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('a connection that is silent for longer than the server ever is gives way to another, from the last event on', async () => {
  await vi.advanceTimersByTimeAsync(0);
  connections[0]?.send('id: 7\ndata: 1\n\n');
  for (let beat = 0; beat < 5; beat += 1) {
    await vi.advanceTimersByTimeAsync(15_000);
    connections[0]?.send(': \n\n');
  }
  expect(connections).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(connections).toHaveLength(2);
  expect(connections[0]?.signal.aborted).toBe(true);
  expect(connections[1]?.lastEventId).toBe('7');
  expect(states.slice(-3)).toEqual(['waiting', 'connecting', 'open']);
});

it('a network that is back is used at once, and one that was left has no connection', async () => {
  await vi.advanceTimersByTimeAsync(0);
  network.dispatchEvent(new Event('online'));
  await vi.advanceTimersByTimeAsync(0);
  expect(connections.map(({ signal }) => signal.aborted)).toEqual([true, false]);
});

it('a stream that was ended opens no other', async () => {
  await vi.advanceTimersByTimeAsync(0);
  end();
  network.dispatchEvent(new Event('online'));
  await vi.advanceTimersByTimeAsync(120_000);
  expect(connections.map(({ signal }) => signal.aborted)).toEqual([true]);
});

it.each([
  ['goes on with a fresh token where the server takes no longer the one in memory', 'fresh', 'open'],
  ['is refused where the server does not take the fresh one either', 'as-refused', 'refused'],
])('a stream %s', async (_, renewed, last) => {
  end();
  const kept = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  });
  vi.stubGlobal('navigator', { locks: { request: (_name: string, work: () => unknown) => work() } });
  const loginWith = (accessToken: string) =>
    ({ accessToken, refreshToken: 'r', user: { id: 'ann' } }) as never;
  const asked: (string | null)[] = [];
  vi.stubGlobal('fetch', async (path: string, { headers }: RequestInit) => {
    if (path === '/api/auth/refresh') return Response.json(loginWith(renewed));
    const authorization = new Headers(headers).get('authorization');
    asked.push(authorization);
    return authorization === 'Bearer fresh'
      ? new Response(new ReadableStream())
      : new Response(null, { status: 401 });
  });
  acceptLogin(loginWith('stale'));
  end = openStream('/api/live', { onEvent: () => undefined, onState: (state) => states.push(state) });
  await vi.advanceTimersByTimeAsync(0);
  expect(states.at(-1)).toBe(last);
  expect(asked).toEqual(['Bearer stale', `Bearer ${renewed}`]);
  forgetLogin();
});
