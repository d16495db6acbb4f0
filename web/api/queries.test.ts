import { QueryObserver } from '@tanstack/react-query';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { User } from './login.ts';

/** The parts of a browser that the login uses. */
const kept = new Map<string, string>();
const browser = new EventTarget();
vi.stubGlobal('window', browser);
vi.stubGlobal('localStorage', {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => kept.set(key, value),
  removeItem: (key: string) => kept.delete(key),
});

const loginOf = (id: string) => ({
  accessToken: 'a.b.c',
  refreshToken: `token of ${id}`,
  user: { id } as User,
});

let login: typeof import('./login.ts');
let client: ReturnType<typeof import('./queries.ts').createQueryClient>;

beforeAll(async () => {
  // Another file of this worker may have loaded the login with a browser of its own.
  vi.resetModules();
  login = await import('./login.ts');
  const { createQueryClient } = await import('./queries.ts');
  client = createQueryClient();
});
beforeEach(() => {
  login.acceptLogin(loginOf('ann') as Parameters<typeof login.acceptLogin>[0]);
  client.setQueryData(['orders'], ['an order of Ann']);
});

/** As another tab stores it. */
const storeElsewhere = (of: string | undefined): void => {
  if (of === undefined) kept.clear();
  else kept.set('cartstream.login', JSON.stringify(loginOf(of)));
  browser.dispatchEvent(Object.assign(new Event('storage'), { key: 'cartstream.login' }));
};

describe('what one user was answered', () => {
  it.each([
    ['log out, or a refresh is refused', () => login.forgetLogin()],
    ['log out in another tab', () => storeElsewhere(undefined)],
    ['are somebody else in another tab', () => storeElsewhere('bob')],
    ['log in as somebody else', () => login.acceptLogin(loginOf('bob') as never)],
  ])('is gone when they %s', (_, leave) => {
    leave();
    expect(client.getQueryData(['orders'])).toBeUndefined();
  });

  it('stays when the same user’s token is renewed, here or in another tab', () => {
    login.acceptLogin(loginOf('ann') as never);
    storeElsewhere('ann');
    expect(client.getQueryData(['orders'])).toEqual(['an order of Ann']);
  });

  it('is not shown any more where it is shown now, and is asked about again', async () => {
    const queryFn = async () => `for ${login.userNow()?.id}`;
    const shown = new QueryObserver(client, { queryKey: ['shown'], queryFn });
    const seen: unknown[] = [];
    const unsubscribe = shown.subscribe(({ data }) => seen.push(data));
    await vi.waitFor(() => expect(seen.at(-1)).toBe('for ann'));
    storeElsewhere('bob');
    expect(shown.getCurrentResult().data).toBeUndefined();
    await vi.waitFor(() => expect(seen.at(-1)).toBe('for bob'));
    unsubscribe();
  });
});

it.each([
  ['is asked again where it says to come back soon', 5, 4],
  ['is not asked again where it says to wait for longer than anybody does', 60_000, 1],
])('a service that is away %s', async (_, retryAfterMs, asked) => {
  const { ApiProblem } = await import('./problem.ts');
  const queryFn = vi.fn(() => Promise.reject(new ApiProblem(503, {}, retryAfterMs)));
  await expect(client.fetchQuery({ queryKey: ['away', retryAfterMs], queryFn })).rejects.toThrow();
  expect(queryFn).toHaveBeenCalledTimes(asked);
});
