import { isRetriable } from '#platform/errors';
import { unavailable } from '#platform/http/problem-details';
import { type Listener, listen } from '#platform/postgres/listener';
import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { backoffMs } from '#platform/waiting/backoff';
import { createBell } from '#platform/waiting/bell';
import { sleep } from '#platform/waiting/sleep';
import type { SearchFound, SearchQuery } from './document.js';
import { documentsChannel, pageOfDocuments, readDocuments } from './document-store.js';
import { createSearchIndex, type SearchIndex } from './search-index.js';

export type LiveIndex = Component & {
  /** 503 until the documents have been read once. */
  find(query: SearchQuery): SearchFound;
  /** Of documents that can be found. */
  size(): number;
  /** `listener` is called whenever documents have changed, and again when a search may find others than before. */
  onChange(listener: (change: IndexChange) => void): void;
  /** False from when a change may have been missed until an index that was read after that answers. */
  isFollowing(): boolean;
};

export type IndexChange = {
  /** True where any search may be answered otherwise; else only what is shown of these products is another. */
  isListed: boolean;
  productIds: readonly string[];
};
const anything: IndexChange = { isListed: true, productIds: [] };

/** Indexed in one turn of the loop, which takes some milliseconds. */
const documentsPerTurnMax = 250;
const idsWaitingMax = 50_000;
const idleMsMax = 60_000;
const retry = { minMs: 100, maxMs: 5_000 };

// Over seventy lines: the index, what is to be read again, and the loop that reads it share one state.
/**
 * This instance's index of the documents in the database: read whole at the start, after a loss of the connection on
 * which changes are announced, and when more than half of it is of documents that are gone; otherwise change by change,
 * milliseconds after their commit. While it is read whole, the one before answers.
 */
export const createLiveIndex = (
  host: Pick<Host, 'service' | 'logger' | 'stopping'>,
  db: Database,
): LiveIndex => {
  let index: SearchIndex | undefined;
  let isAllWaiting = true;
  /** From the time when what is waiting is forgotten until the index that has it answers. */
  let isReadingAll = false;
  const waiting = new Set<string>();
  const bell = createBell();
  let listener: Listener | undefined;
  let working: Promise<void> | undefined;
  const listeners: ((change: IndexChange) => void)[] = [];
  const announce = (change: IndexChange): void => {
    for (const each of listeners) each(change);
  };

  const readAll = async (): Promise<void> => {
    isReadingAll = true;
    isAllWaiting = false;
    waiting.clear();
    const next = createSearchIndex();
    let after: string | undefined;
    do {
      const page = await pageOfDocuments(db, after, documentsPerTurnMax);
      for (const { document } of page) if (document !== undefined) next.put(document);
      after = page.length < documentsPerTurnMax ? undefined : page.at(-1)?.productId;
      // A part of the documents is no index.
      if (host.stopping.aborted) return;
    } while (after !== undefined);
    index = next;
    isReadingAll = false;
    announce(anything);
  };

  const readAllOrAgain = () =>
    readAll().catch((error: unknown) => {
      isAllWaiting = true;
      throw error;
    });

  const readChanged = async (into: SearchIndex): Promise<void> => {
    const ids = [...waiting].slice(0, documentsPerTurnMax);
    for (const id of ids) waiting.delete(id);
    try {
      let isListed = false;
      for (const { productId, document } of await readDocuments(db, ids))
        isListed = (document === undefined ? into.remove(productId) : into.put(document)) || isListed;
      announce({ isListed, productIds: ids });
    } catch (error) {
      for (const id of ids) waiting.add(id);
      throw error;
    }
    if (into.isWorn()) isAllWaiting = true;
  };

  const work = async (): Promise<void> => {
    let failures = 0;
    while (!host.stopping.aborted)
      try {
        if (isAllWaiting || index === undefined) await readAllOrAgain();
        else if (waiting.size > 0) await readChanged(index);
        else await bell.wait(idleMsMax);
        failures = 0;
      } catch (error) {
        failures += 1;
        const level = isRetriable(error) ? 'debug' : 'warn';
        host.logger[level]({ err: error }, 'the documents could not be read');
        await sleep(backoffMs(retry, failures), { signal: host.stopping });
      }
  };

  return {
    name: 'search index',
    start: async () => {
      host.stopping.addEventListener('abort', bell.ring);
      await readAll();
      listener = listen(host, db, {
        channel: documentsChannel,
        onNotification: (ids) => {
          const productIds = ids === '' ? [] : ids.split(' ');
          if (ids === '' || waiting.size > idsWaitingMax) isAllWaiting = true;
          else for (const id of productIds) waiting.add(id);
          announce({ isListed: false, productIds });
          bell.ring();
        },
        onListening: () => {
          isAllWaiting = true;
          bell.ring();
        },
      });
      working = work();
    },
    stop: async () => {
      bell.ring();
      await working;
      await listener?.close();
    },
    checkHealth: async () =>
      listener?.isListening() === true
        ? { status: 'up' }
        : { status: 'degraded', detail: 'changes are not announced' },
    find: (query) => {
      if (index === undefined) throw unavailable('search_loading', 'The search is being made ready.', 2);
      return index.find(query);
    },
    size: () => index?.size ?? 0,
    onChange: (listener) => {
      listeners.push(listener);
    },
    isFollowing: () => listener?.isListening() === true && !isAllWaiting && !isReadingAll,
  };
};
