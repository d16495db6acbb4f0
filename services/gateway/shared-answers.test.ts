import { beforeEach, describe, expect, it } from 'vitest';
import { newId } from '#platform/ids';
import { labelled, labelOf } from '#schemas/recommendation-label';
import { createSharedAnswers, type SharedAnswers } from './shared-answers.js';

const analyst = { kind: 'user', userId: 'a', roles: ['analyst'] } as const;
const customer = { kind: 'user', userId: 'c', roles: ['customer'] } as const;
const sharing = { roles: ['analyst', 'admin'], ageMsMax: 200 };
let nowMs: number;
let shared: SharedAnswers;

const answer = (body: string) => ({
  body,
  contentType: 'application/json',
  length: String(body.length),
  route: '/r',
});
const find = (url = '/u') => shared.find(url, analyst)?.body;

beforeEach(() => {
  nowMs = 0;
  shared = createSharedAnswers(() => nowMs);
});

describe('answers that are shared among roles', () => {
  it('are for those who have one of the roles', () => {
    shared.keep('/u', answer('a'), sharing);
    expect(find()).toBe('a');
    expect(shared.find('/u', customer)).toBeUndefined();
    expect(shared.find('/u', { kind: 'anonymous' })).toBeUndefined();
    expect(find('/v')).toBeUndefined();
  });

  it('are made anew by one of those who ask when they are too old, and by each when they are twice as old', () => {
    shared.keep('/u', answer('a'), sharing);
    nowMs = 199;
    expect([find(), find()]).toEqual(['a', 'a']);
    nowMs = 200;
    expect([find(), find(), find()]).toEqual([undefined, 'a', 'a']);
    nowMs = 400;
    expect([find(), find()]).toEqual([undefined, undefined]);
    shared.keep('/u', answer('b'), sharing);
    expect([find(), find()]).toEqual(['b', 'b']);
  });

  it('are kept for a second at most, and eight mebibytes of them', () => {
    shared.keep('/u', answer('a'), { ...sharing, ageMsMax: 999_999 });
    nowMs = 1_000;
    expect(find()).toBeUndefined();
    const large = answer('x'.repeat(1024 * 1024));
    for (let n = 0; n < 20; n += 1) shared.keep(`/${n}`, large, sharing);
    const kept = Array.from({ length: 20 }, (_, n) => find(`/${n}`)).filter((body) => body !== undefined);
    expect(kept).toHaveLength(7);
    expect(find('/19')).toBeDefined();
  });

  it('have for every caller an id of his own that stands for the same', () => {
    const label = {
      scenario: 'home',
      model: 'strict',
      experiment: { code: 65_535, arm: 3 },
      exploredPlace: null,
    };
    const first = labelled(newId(), label);
    const list = (id: string) => `{"recommendationId":"${id}","items":["é"]}`;
    for (const body of [list(first), Buffer.from(list(first))]) {
      shared.keep('/l', { ...answer(''), body }, { roles: ['anonymous'], ageMsMax: 200, ownId: first });
      const found = [1, 2].map(() => shared.find('/l', { kind: 'anonymous' }));
      const ids = found.map((one) => one?.ownId ?? '');
      expect(new Set([first, ...ids]).size).toBe(3);
      expect(ids.map(labelOf)).toEqual([label, label]);
      expect(found.map((one) => String(one?.body))).toEqual(ids.map(list));
    }
    expect(shared.find('/l', analyst)).toBeUndefined();
  });

  it('are not kept where the id that is to be replaced is not in them', () => {
    shared.keep('/l', answer('{}'), { roles: ['anonymous'], ageMsMax: 200, ownId: newId() });
    expect(shared.find('/l', { kind: 'anonymous' })).toBeUndefined();
  });
});
