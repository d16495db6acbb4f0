import { afterEach, beforeEach, expect, it, vi } from 'vitest';

/** What the pages have sent: the method, the path, and the token of its sender. */
let sent: [method: string, path: string, token: string | null][] = [];

beforeEach(async () => {
  vi.resetModules();
  const kept = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  });
  vi.stubGlobal(
    'Request',
    class extends Request {
      constructor(input: string, init?: RequestInit) {
        super(new URL(input, 'http://shop.example'), init);
      }
    },
  );
  vi.stubGlobal('fetch', async ({ method, url, headers }: Request) => {
    sent.push([method, new URL(url).pathname, headers.get('authorization')]);
    return Response.json({});
  });
  sent = [];
  const { acceptLogin } = await import('./login.ts');
  acceptLogin({ accessToken: 'of-ann', refreshToken: 'r', user: { id: 'ann' } } as Parameters<
    typeof acceptLogin
  >[0]);
});
afterEach(() => vi.unstubAllGlobals());

it('whoever looks at the own sessions and ends one proves who it is; who logs in does not have to', async () => {
  const { api } = await import('./client.ts');
  await api.GET('/api/auth/sessions');
  await api.DELETE('/api/auth/sessions/{id}', { params: { path: { id: 'other' } } });
  await api.POST('/api/auth/login', { body: { email: 'a@example.com', password: 'secret' } });
  expect(sent).toEqual([
    ['GET', '/api/auth/sessions', 'Bearer of-ann'],
    ['DELETE', '/api/auth/sessions/other', 'Bearer of-ann'],
    ['POST', '/api/auth/login', null],
  ]);
});
