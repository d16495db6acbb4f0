import { describe, expect, it } from 'vitest';
import { idOf } from '#platform/ids';
import type { Device } from '#schemas/devices';
import type { ShopperActivity } from '#schemas/events';
import { shopperActions } from '#schemas/shopper-actions';
import { valueRules } from '#schemas/value-rules';
import { ageMaxMs, futureMaxMs, judgeShopperEvent } from './shopper-event.js';

const nowMs = Date.parse('2026-05-01T12:00:00Z');
const userId = '018f3f6e-5c3a-7b57-9c1e-0a4a5c9d0001';
const productId = '018f3f6e-5c3a-7b57-9c1e-0a4a5c9d0002';
const view = { type: 'product_viewed', visitId: 'v-1', productId, occurredAt: '2026-05-01T11:59:59.500Z' };
const at = (ms: number) => ({ ...view, occurredAt: new Date(ms).toISOString() });
const judge = (event: unknown, loggedIn = false, device: Device | null = null) =>
  judgeShopperEvent(event, {
    device,
    principal: loggedIn ? { kind: 'user', userId, roles: [] } : { kind: 'anonymous' },
    nowMs,
    eventIdOf: (visitId, chosen) => (chosen === undefined ? 'e-1' : idOf(visitId, chosen)),
  });

describe('a shopper event', () => {
  it('is of a type that whoever reads the topic takes for one', () => {
    expect(valueRules.ShopperActivity?.fields.type).toEqual({ oneOf: shopperActions });
  });

  it('becomes one flat record, with what it does not say as null', () => {
    expect(judge(view)).toEqual({
      activity: {
        event_id: 'e-1',
        type: 'product_viewed',
        visit_id: 'v-1',
        user_id: null,
        product_id: productId,
        query: null,
        position: null,
        recommendation_id: null,
        occurred_at: nowMs - 500,
        results: null,
        device: null,
      },
    });
  });

  it('says of a search how many products it found, and so whether it found none', () => {
    const search = { type: 'products_searched', visitId: 'v-1', query: 'lamp', occurredAt: view.occurredAt };
    expect(judge(search)).toMatchObject({ activity: { results: null } });
    for (const results of [0, 1, 10_000_000])
      expect(judge({ ...search, results })).toMatchObject({ activity: { results } });
    for (const results of [-1, 0.5, 10_000_001, '3', null])
      expect(judge({ ...search, results })).toMatchObject({
        code: 'invalid_event',
        message: expect.stringMatching(/^results: /),
      });
  });

  it('says on which device, by the browser that sends it unless it names one', () => {
    expect(judge(view, false, 'mobile')).toMatchObject({ activity: { device: 'mobile' } });
    expect(judge({ ...view, device: 'tablet' }, false, 'desktop')).toMatchObject({
      activity: { device: 'tablet' },
    });
    expect(judge({ ...view, device: 'watch' })).toMatchObject({
      code: 'invalid_event',
      message: expect.stringMatching(/^device: /),
    });
  });

  it('carries the account of who is logged in, and refuses to be somebody else', () => {
    expect(judge(view, true)).toMatchObject({ activity: { user_id: userId } });
    expect(judge({ ...view, userId: productId }, true)).toMatchObject({ code: 'user_mismatch' });
  });

  it('is nobody’s when nobody is logged in, whoever it names', () => {
    expect(judge({ ...view, userId }, false)).toMatchObject({ activity: { user_id: null } });
  });

  it('is the same event for the same id of the same visit, and for nothing else', () => {
    const named = (event: object) => (judge(event) as { activity: ShopperActivity }).activity.event_id;
    const id = named({ ...view, eventId: 'a' });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(named({ ...view, eventId: 'a', occurredAt: '2026-05-01T11:00:00Z', productId: userId })).toBe(id);
    const others = [
      { ...view, eventId: 'b' },
      { ...view, eventId: 'A' },
      { ...view, visitId: 'v-2', eventId: 'a' },
      view,
    ];
    expect(new Set([id, ...others.map(named)]).size).toBe(5);
    expect(judge({ ...view, eventId: '' })).toMatchObject({ code: 'invalid_event' });
    expect(judge({ ...view, eventId: 'x'.repeat(65) })).toMatchObject({ code: 'invalid_event' });
  });

  it('names the product and the account that are meant, also in capitals', () => {
    const { activity } = judge(
      { ...view, productId: productId.toUpperCase(), userId: userId.toUpperCase() },
      true,
    ) as {
      activity: ShopperActivity;
    };
    expect([activity.product_id, activity.user_id]).toEqual([productId, userId]);
  });

  it('happened between thirty days ago and five minutes ahead', () => {
    expect(judge(at(nowMs + futureMaxMs))).toHaveProperty('activity');
    expect(judge(at(nowMs - ageMaxMs))).toHaveProperty('activity');
    expect(judge(at(nowMs + futureMaxMs + 1))).toMatchObject({ code: 'occurred_at_out_of_bounds' });
    expect(judge(at(nowMs - ageMaxMs - 1))).toMatchObject({ code: 'occurred_at_out_of_bounds' });
  });

  it('is refused in a few words, whatever the names in it', () => {
    const unknown = Array.from({ length: 60_000 }, (_, n) => [
      `k${n}${'x'.repeat(1000)}`.slice(0, n ? 9 : 1000),
      0,
    ]);
    const refused = judge({ ...view, ...Object.fromEntries(unknown) }) as { code: string; message: string };
    expect(refused.code).toBe('invalid_event');
    expect(refused.message).toMatch(/^k0x+: is not \w/);
    expect(refused.message.length).toBeLessThan(200);
  });

  it.each([
    ['nothing at all', null],
    ['an unknown type', { ...view, type: 'order_placed' }],
    ['a field it does not know', { ...view, price: 1 }],
    ['a view of no product', { ...view, productId: undefined }],
    ['a search for nothing', { ...view, type: 'products_searched' }],
    ['a search for an empty text', { ...view, type: 'products_searched', query: '' }],
    ['a search for blanks', { ...view, type: 'products_searched', query: ' \t\u3000' }],
    ['a search for what nobody sees', { ...view, type: 'products_searched', query: '\u200b' }],
    ['a click on no recommendation', { ...view, type: 'recommendation_clicked' }],
    ['a place that is no number', { ...view, position: '1' }],
    ['a search for half a character', { ...view, type: 'products_searched', query: '\ud800x' }],
    ['a time without a zone', { ...view, occurredAt: '2026-05-01T11:59:59' }],
  ])('is refused with a reason when it is %s', (_what, event) => {
    expect(judge(event)).toMatchObject({ code: 'invalid_event', message: expect.stringMatching(/\w/) });
  });
});
