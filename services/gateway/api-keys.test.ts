import { beforeEach, describe, expect, it } from 'vitest';
import { unavailable } from '#platform/http/problem-details';
import { createApiKeys } from './api-keys.js';

const credentials = 'Bearer csk_key';
let nowMs: number;
let asked: number;
let answer: () => { statusCode: number; body: string };
let keys: ReturnType<typeof createApiKeys>;

const given = (token: string) => ({ statusCode: 200, body: JSON.stringify({ token, ttlS: 60 }) });
const refused = () => ({ statusCode: 401, body: '{}' });
const away = () => {
  throw unavailable('service_unavailable', 'The user service is not available.', 2);
};
const authorization = () => keys.authorizationOf(credentials);

beforeEach(() => {
  [nowMs, asked] = [0, 0];
  answer = () => given('first');
  const send = async () => {
    asked += 1;
    return { headers: {}, ...answer() };
  };
  keys = createApiKeys({ send }, () => nowMs);
});

describe('an API key', () => {
  it('is exchanged once for requests that come together, and for those of the next two seconds', async () => {
    expect(await Promise.all([authorization(), authorization()])).toEqual(['Bearer first', 'Bearer first']);
    nowMs = 1_999;
    answer = refused;
    expect(await authorization()).toBe('Bearer first');
    expect(asked).toBe(1);
  });

  it('is refused two seconds after it was revoked', async () => {
    await authorization();
    answer = refused;
    nowMs = 2_000;
    expect(await authorization()).toBe('Bearer');
    expect(await authorization()).toBe('Bearer');
    expect(asked).toBe(2);
  });

  it('works with its last token while the user service is away, until that expires', async () => {
    await authorization();
    answer = away;
    nowMs = 54_999;
    expect(await authorization()).toBe('Bearer first');
    nowMs = 55_000;
    await expect(authorization()).rejects.toMatchObject({ status: 503, code: 'service_unavailable' });
    answer = () => given('second');
    expect(await authorization()).toBe('Bearer second');
  });

  it('that is not valid is not accepted because the user service went away', async () => {
    answer = refused;
    await authorization();
    answer = away;
    nowMs = 2_000;
    await expect(authorization()).rejects.toMatchObject({ status: 503 });
  });

  it('is told from other credentials', async () => {
    for (const other of [undefined, 'Bearer a.b.c', 'Basic csk_key'])
      expect(await keys.authorizationOf(other)).toBe(other);
    expect(asked).toBe(0);
  });
});
