import { createBoundedMap } from '#platform/bounded-map';
import type { Principal } from '#platform/http/auth';
import type { SharedAnswer } from '#platform/http/shared-answer';
import type { CachedAnswer } from './catalogue-cache.js';

/** An answer to a GET, with the route that made it. */
export type RoleAnswer = Pick<CachedAnswer, 'contentType' | 'body' | 'length'> & { route: string };

export type SharedAnswers = {
  /** The answer that a service gave lately, if the caller has one of its roles. */
  find(url: string, principal: Principal): RoleAnswer | undefined;
  keep(url: string, answer: RoleAnswer, sharing: SharedAnswer): void;
};

const bytesMax = 8 * 1024 * 1024;
const urlCharsMax = 512;
const ageMsLimit = 1_000;

type Entry = {
  answer: RoleAnswer;
  roles: readonly string[];
  untilMs: number;
  ageMsMax: number;
  isRefreshing: boolean;
};

/**
 * Keeps answers that are the same for all callers with certain roles, as the services say, for a second at most. When an
 * answer is too old the first who asks has it made anew; others get the old one meanwhile, for as long again at most. The
 * oldest are dropped beyond 8 MiB.
 */
export const createSharedAnswers = (monotonicMs: () => number): SharedAnswers => {
  const entries = createBoundedMap<Entry>(bytesMax);
  return {
    find: (url, principal) => {
      const entry = entries.get(url);
      if (entry === undefined || principal.kind !== 'user') return undefined;
      if (!principal.roles.some((role) => entry.roles.includes(role))) return undefined;
      const nowMs = monotonicMs();
      if (nowMs < entry.untilMs) return entry.answer;
      if (nowMs >= entry.untilMs + entry.ageMsMax) entries.delete(url);
      else if (entry.isRefreshing) return entry.answer;
      else entry.isRefreshing = true;
      return undefined;
    },
    keep: (url, answer, { roles, ageMsMax }) => {
      if (url.length > urlCharsMax) return;
      const bounded = Math.min(ageMsMax, ageMsLimit);
      const entry = {
        answer,
        roles,
        untilMs: monotonicMs() + bounded,
        ageMsMax: bounded,
        isRefreshing: false,
      };
      entries.set(url, entry, Number(answer.length) + url.length);
    },
  };
};
