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
};

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
  const waiting = new Set<string>();
  const bell = createBell();
  let listener: Listener | undefined;
  let working: Promise<void> | undefined;

  const readAll = async (): Promise<void> => {
    isAllWaiting = false;
    waiting.clear();
    const next = createSearchIndex();
    let after: string | undefined;
    do {
      const page = await pageOfDocuments(db, after, documentsPerTurnMax);
      for (const { document } of page) if (document !== undefined) next.put(document);
      after = page.length < documentsPerTurnMax ? undefined : page.at(-1)?.productId;
    } while (after !== undefined && !host.stopping.aborted);
    index = next;
  };

  const readChanged = async (into: SearchIndex): Promise<void> => {
    const ids = [...waiting].slice(0, documentsPerTurnMax);
    for (const id of ids) waiting.delete(id);
    try {
      for (const { productId, document } of await readDocuments(db, ids))
        if (document === undefined) into.remove(productId);
        else into.put(document);
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
        if (isAllWaiting || index === undefined) await readAll();
        else if (waiting.size > 0) await readChanged(index);
        else await bell.wait(idleMsMax);
        failures = 0;
      } catch (error) {
        failures += 1;
        isAllWaiting ||= index === undefined;
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
          if (ids === '' || waiting.size > idsWaitingMax) isAllWaiting = true;
          else for (const id of ids.split(' ')) waiting.add(id);
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
  };
};
