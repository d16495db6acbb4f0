import { z } from 'zod';
import type { Principal } from '#platform/http/auth';
import { boundsOf } from '#platform/http/bounds';
import type { InputError } from '#platform/http/problem-details';
import { instant, isVisible, matching, prose, uuid } from '#platform/http/text';
import { type Device, devices } from '#schemas/devices';
import type { ShopperActivity } from '#schemas/events';
import { shopperActions } from '#schemas/shopper-actions';

const dayMs = 24 * 60 * 60 * 1000;
export const futureMaxMs = 5 * 60 * 1000;
export const ageMaxMs = 30 * dayMs;

const productEvents = ['product_viewed', 'product_added', 'product_removed'] as const;
const recommendationEvents = ['recommendation_shown', 'recommendation_clicked'] as const;

/** A hundred times the largest catalogue that the search was measured with. */
const resultsMax = 10_000_000;

const shortId = matching(64, /^[\w.:-]{1,64}$/, 'must be 1 to 64 letters, digits or . _ : -');

export const shopperEvent = z.strictObject({
  type: z.enum(shopperActions),
  visitId: shortId.describe('The id of the visit, chosen by the client.'),
  userId: uuid
    .optional()
    .describe(
      'The logged-in user, which is also the default. It is ignored for callers who are not logged in.',
    ),
  productId: uuid.optional().describe('Required of product_viewed, product_added and product_removed.'),
  query: prose(500).optional().describe('Required of products_searched, with a visible character.'),
  results: z
    .int()
    .min(0)
    .max(resultsMax)
    .optional()
    .describe('Of products_searched: how many products the search found, on all pages; 0 for nothing.'),
  position: z.int().min(0).max(100_000).optional().describe('Place in the list, from 0.'),
  recommendationId: shortId
    .optional()
    .describe('Required for recommendation_shown and recommendation_clicked.'),
  device: z
    .enum(devices)
    .optional()
    .describe('What the shopper holds. Where it is left out, that of the browser that sends the event.'),
  occurredAt: instant.describe('At most 5 minutes in the future and 30 days in the past.'),
  eventId: shortId
    .optional()
    .describe(
      'Chosen by the client, unique within the visit. An event that is sent again with it counts once.',
    ),
});

export type ShopperEvent = z.output<typeof shopperEvent>;

export type Refusal = { code: string; message: string };

/**
 * The record of an event, or the reason why the event is refused. Each event is validated separately, so a bad one
 * affects no other. `eventIdOf` derives the event's id from the client's `eventId`, if there is one.
 */
export const judgeShopperEvent = (
  input: unknown,
  context: {
    principal: Principal;
    /** Of the browser that sends the event. */
    device: Device | null;
    nowMs: number;
    eventIdOf: (visitId: string, chosen?: string) => string;
  },
): { activity: ShopperActivity } | Refusal => {
  const tooLarge = firstExcessOf(input);
  if (tooLarge !== undefined) return { code: 'invalid_event', message: tooLarge };
  const parsed = shopperEvent.safeParse(input);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const at = issue?.path.length ? `${issue.path.join('.')}: ` : '';
    return { code: 'invalid_event', message: `${at}${issue?.message ?? 'is not valid'}` };
  }
  const event = parsed.data;
  const missing = missingField(event);
  if (missing !== undefined)
    return { code: 'invalid_event', message: `${missing}: is required of ${event.type}` };
  const occurredAtMs = Date.parse(event.occurredAt);
  if (!(occurredAtMs <= context.nowMs + futureMaxMs && occurredAtMs >= context.nowMs - ageMaxMs))
    return {
      code: 'occurred_at_out_of_bounds',
      message: 'occurredAt: is in the future, or older than 30 days',
    };
  const { principal } = context;
  if (principal.kind === 'user' && event.userId !== undefined && event.userId !== principal.userId)
    return { code: 'user_mismatch', message: 'userId: is not the logged-in user' };
  return {
    activity: {
      event_id: context.eventIdOf(event.visitId, event.eventId),
      type: event.type,
      visit_id: event.visitId,
      // Only a token proves an identity; anybody could send a user's id.
      user_id: principal.kind === 'user' ? principal.userId : null,
      product_id: event.productId ?? null,
      query: event.query ?? null,
      position: event.position ?? null,
      recommendation_id: event.recommendationId ?? null,
      occurred_at: occurredAtMs,
      results: event.results ?? null,
      device: event.device ?? context.device,
    },
  };
};

const checkBounds = boundsOf(shopperEvent, 'a shopper event');

/** Checked before the schema, whose message would repeat every unknown name that the client sent. */
const firstExcessOf = (input: unknown): string | undefined => {
  const found: InputError[] = [];
  checkBounds(input, '', found);
  const [first] = found;
  return first && `${first.path.slice(1)}: ${first.message}`;
};

const missingField = (event: ShopperEvent): keyof ShopperEvent | undefined => {
  if (isOneOf(productEvents, event.type) && event.productId === undefined) return 'productId';
  if (event.type === 'products_searched' && !isVisible(event.query ?? '')) return 'query';
  if (isOneOf(recommendationEvents, event.type) && event.recommendationId === undefined)
    return 'recommendationId';
  return undefined;
};

const isOneOf = (types: readonly string[], type: string): boolean => types.includes(type);
