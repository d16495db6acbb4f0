import { createBoundedMap } from '#platform/bounded-map';
import type { Principal } from '#platform/http/auth';
import { createRedisListener } from '#platform/redis/listener';
import type { Component, Host } from '#platform/service-host';
import { cacheCounters } from '#platform/telemetry/cache-counters';
import {
  type CatalogueChange,
  catalogueChannel,
  countedSorts,
  decodeCatalogueChange,
} from '#schemas/catalogue-changes';
import { normaliseCategory } from '#schemas/category';
import { type UpstreamResponse, wholeBodyOf } from './upstream.js';

/** An answer of 200 as it is sent to every caller whose rights do not change it. */
export type CachedAnswer = {
  contentType: string;
  etag: string;
  body: string | Buffer;
  /** Of the body in bytes, as text. */
  length: string;
  /** Of the entry in memory. */
  bytes: number;
};

export type CatalogueCache = Component & {
  /**
   * The cached answer to a GET of this path and query, fetched by `fetch` if there is none; fetched once for all that
   * ask meanwhile. An answer that is not cached (not 200, too large, without `ETag`) is returned to the one whose
   * `fetch` it was; the others get undefined, and fetch for themselves.
   */
  read(
    url: string,
    fetch: () => Promise<UpstreamResponse>,
  ): Promise<CachedAnswer | UpstreamResponse | undefined>;
  /** A cached answer that is fresh. */
  find(url: string): CachedAnswer | undefined;
  /** Forgets what a write to this path changes, so that its caller reads the new state. */
  forget(url: string): void;
};

const bytesMaxDefault = 32 * 1024 * 1024;
/** Larger answers are passed on as they come. */
export const answerBytesMax = 1024 * 1024;
const entryOverheadBytes = 300;
const urlCharsMax = 512;

/**
 * How long an answer is kept without news of a change. News usually takes some milliseconds, and is made up for where it
 * may have got lost.
 */
const ageMsMax = 60_000;
/** A list has the products that it shows as they are. Sales and ratings may change its order for so long unseen. */
const orderMsMax = 2_000;
/** While no news can come. */
const blindAgeMsMax = 250;

const productPath =
  /^\/api\/products\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?=$|[/?#])/i;
const listPath = '/api/products';
const featuredPath = '/api/products/featured';

/** True for the URLs that are cached: a product in the usual spelling of its id, and lists. */
export const isCatalogueRead = (url: string): boolean =>
  url.length <= urlCharsMax && (isList(url) || isProduct(url));

const isList = (url: string): boolean => isListAt(listPath, url) || isListAt(featuredPath, url);

const isListAt = (path: string, url: string): boolean =>
  url.startsWith(path) && (url.length === path.length || url[path.length] === '?');

const isProduct = (url: string): boolean => /^\/api\/products\/[0-9a-f-]{36}$/.test(url);

/** True for a stranger and for a customer: no role of theirs changes an answer of the catalogue. */
export const seesWhatAllSee = (principal: Principal): boolean =>
  principal.kind === 'anonymous' || principal.roles.every((role) => role === 'customer');

/** Of a list: `shows` are its products, and `order` what news of their places names. */
type Entry = CachedAnswer & { begunAtMs: number; shows: readonly string[]; order: string | undefined };

/** `isStale`: what it reads may have changed since it began, so it is not kept. */
type Fetching = { isStale: boolean; answer: Promise<CachedAnswer | UpstreamResponse> };

// Over seventy lines: one cache whose entries, running requests and news share one state.
/**
 * Keeps the newest answers of the catalogue in memory, up to `bytesMax`. A product is forgotten when the product
 * service announces its change (in Redis, some milliseconds after the commit), and when this gateway forwards a write to
 * it. A list is forgotten when a product is new or described anew, when one that it shows changes, and 2 s after it was
 * read where sales or reviews may have changed its order since. At the latest both are forgotten after a minute. While
 * Redis is away nothing is older than 250 ms.
 */
export const createCatalogueCache = (
  host: Pick<Host, 'service' | 'logger' | 'metrics' | 'clock'>,
  redisUrl: string,
  { bytesMax = bytesMaxDefault, isOn = true }: { bytesMax?: number; isOn?: boolean } = {},
): CatalogueCache => {
  const counted = cacheCounters(host.metrics, 'catalogue');
  const { monotonicMs } = host.clock;
  const entries = createBoundedMap<Entry>(bytesMax);
  const fetchings = new Map<string, Fetching>();
  const changes = createRecentChanges(monotonicMs, ageMsMax);

  const drop = (url: string): void => {
    entries.delete(url);
    const fetching = fetchings.get(url);
    if (fetching !== undefined) fetching.isStale = true;
    fetchings.delete(url);
  };
  const dropWhere = (matches: (url: string) => boolean): void => {
    for (const url of [...entries.keys(), ...fetchings.keys()]) if (matches(url)) drop(url);
  };
  const forgetProduct = (productId: string): void => drop(`${listPath}/${productId.toLowerCase()}`);
  const forgetChanged = ({ productIds, isListed, reorders }: CatalogueChange): void => {
    for (const productId of productIds) forgetProduct(productId);
    if (isListed) dropWhere(isList);
    else for (const productId of productIds) changes.note(productId.toLowerCase());
    for (const order of reorders === undefined ? [] : ordersChangedBy(reorders)) changes.note(order);
  };

  const listener = createRedisListener(host, redisUrl, catalogueChannel, {
    onMessage: (message) => {
      const change = decodeCatalogueChange(message);
      if (change === null) dropWhere(() => true);
      else forgetChanged(change);
    },
    onGap: () => dropWhere(() => true),
  });

  const isCurrent = ({ begunAtMs, shows, order }: Entry): boolean => {
    const ageMs = monotonicMs() - begunAtMs;
    if (ageMs >= (listener.isListening() ? ageMsMax : blindAgeMsMax)) return false;
    if (order !== undefined && ageMs >= orderMsMax && changes.anySince(begunAtMs, [order])) return false;
    return !changes.anySince(begunAtMs, shows);
  };

  const find = (url: string): CachedAnswer | undefined => {
    const entry = entries.get(url);
    if (entry === undefined || !isCurrent(entry)) return undefined;
    // As the newest: the one that was not asked for the longest is dropped first.
    entries.set(url, entry, entry.bytes);
    counted.hit();
    return entry;
  };

  const fetchFor = (url: string, fetch: () => Promise<UpstreamResponse>): Fetching => {
    const begunAtMs = monotonicMs();
    const fetching: Fetching = { isStale: false, answer: fetch().then((answer) => cacheable(url, answer)) };
    fetchings.set(url, fetching);
    const done = () => {
      if (fetchings.get(url) === fetching) fetchings.delete(url);
    };
    fetching.answer.then((answer) => {
      done();
      if (!isCached(answer) || fetching.isStale) return;
      const shown = isList(url) ? { shows: productsIn(answer.body), order: orderOf(url) } : notAList;
      entries.set(url, { ...answer, begunAtMs, ...shown }, answer.bytes);
    }, done);
    return fetching;
  };

  return {
    name: listener.name,
    start: listener.start,
    stop: listener.stop,
    find,
    read: async (url, fetch) => {
      if (!isOn) return await fetch();
      const known = find(url);
      if (known !== undefined) return known;
      counted.miss();
      const running = fetchings.get(url);
      if (running === undefined) return await fetchFor(url, fetch).answer;
      const answer = await running.answer;
      return isCached(answer) ? answer : undefined;
    },
    forget: (url) => {
      const [, productId] = productPath.exec(url) ?? [];
      if (productId !== undefined) forgetProduct(productId);
      dropWhere(productId !== undefined || isList(url) ? isList : () => true);
    },
  };
};

/** What has changed within the last `keptMs`: products by their ids, and orders of lists. */
const createRecentChanges = (monotonicMs: () => number, keptMs: number) => {
  /** The latest change of each, the oldest first. */
  const changedAtMs = new Map<string, number>();
  return {
    note: (what: string): void => {
      const nowMs = monotonicMs();
      changedAtMs.delete(what);
      changedAtMs.set(what, nowMs);
      for (const [id, atMs] of changedAtMs) {
        if (nowMs - atMs <= keptMs) break;
        changedAtMs.delete(id);
      }
    },
    anySince: (sinceMs: number, some: readonly string[]): boolean =>
      changedAtMs.size > 0 && some.some((id) => (changedAtMs.get(id) ?? Number.NEGATIVE_INFINITY) >= sinceMs),
  };
};

const orderNamed = (sort: string, category: string): string => `${sort} of ${category}`;

/** What the order of this list follows, if it is one of what is counted. */
const orderOf = (url: string): string | undefined => {
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1));
  const sort = countedSorts.find((one) => one === query.get('sort'));
  return sort && orderNamed(sort, normaliseCategory(query.get('category') ?? ''));
};

/** The same of all lists that a category's products may be in: its own, those above it, and that of everything. */
const ordersChangedBy = ({ sort, categories }: NonNullable<CatalogueChange['reorders']>): string[] =>
  categories.flatMap((category) => {
    const parts = category.split('/');
    return [...parts.keys(), parts.length].map((depth) => orderNamed(sort, parts.slice(0, depth).join('/')));
  });

const notAList = { shows: [], order: undefined };

const productId = /"id":"([0-9a-f-]{36})"/g;

const productsIn = (body: string | Buffer): string[] =>
  [...body.toString().matchAll(productId)].map(([, id = '']) => id);

export const isCached = (answer: CachedAnswer | UpstreamResponse): answer is CachedAnswer => 'etag' in answer;

/** Reads an answer that can be cached; any other is returned as it is. */
const cacheable = async (url: string, answer: UpstreamResponse): Promise<CachedAnswer | UpstreamResponse> => {
  const { etag, vary, 'content-type': contentType, 'content-length': length } = answer.headers;
  if (answer.statusCode !== 200 || vary !== undefined || !(Number(length) <= answerBytesMax)) return answer;
  if (typeof etag !== 'string' || typeof contentType !== 'string' || answer.body === null) return answer;
  const body = await wholeBodyOf(answer);
  const bodyBytes = Buffer.byteLength(body);
  const bytes = bodyBytes + url.length + entryOverheadBytes;
  return { contentType, etag, body, length: String(bodyBytes), bytes };
};
