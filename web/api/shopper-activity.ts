import { api } from './client.ts';
import { newId } from './new-id.ts';
import { visitId } from './visit.ts';

/** What a shopper did. The document leaves the items of a batch open, since each is judged by itself. */
export type Activity =
  | { type: 'product_viewed' | 'product_added' | 'product_removed'; productId: string }
  | {
      type: 'products_searched';
      query: string;
      /** How many products were found, on all pages. */
      results: number;
    }
  | { type: 'checkout_started' }
  | {
      type: 'recommendation_shown' | 'recommendation_clicked';
      productId: string;
      recommendationId: string;
      /** Place on the shelf, from 0. */
      position: number;
    };

type Noted = Activity & { visitId: string; eventId: string; occurredAt: string };

const flushAfterMs = 800;
const batchMax = 50;
/** Activity that could not be sent is kept so far; older is dropped, since it stops nobody from shopping. */
const keptMax = 200;

let waiting: Noted[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

/** Notes what the shopper did. It is sent later, together, and nothing waits for it. */
export const note = (activity: Activity): void => {
  waiting.push({
    ...activity,
    visitId: visitId(),
    eventId: newId(),
    occurredAt: new Date().toISOString(),
  });
  if (waiting.length > keptMax) waiting = waiting.slice(-keptMax);
  timer ??= setTimeout(() => void flush(), waiting.length >= batchMax ? 0 : flushAfterMs);
};

/** An event has an id, so that one that is sent again counts once. */
const flush = async (): Promise<void> => {
  clearTimeout(timer);
  timer = undefined;
  const batch = waiting.splice(0, batchMax);
  if (batch.length === 0) return;
  try {
    // `keepalive` lets the request outlive the page.
    await api.POST('/api/events', { body: { events: batch }, keepalive: true });
  } catch {
    waiting = [...batch, ...waiting].slice(-keptMax);
    timer ??= setTimeout(() => void flush(), 10_000);
    return;
  }
  if (waiting.length > 0) timer ??= setTimeout(() => void flush(), 0);
};

if (typeof document !== 'undefined')
  document.addEventListener('visibilitychange', () => document.hidden && void flush());
