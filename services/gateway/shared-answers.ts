import { createBoundedMap } from '#platform/bounded-map';
import type { Principal } from '#platform/http/auth';
import type { SharedAnswer } from '#platform/http/shared-answer';
import { newId } from '#platform/ids';
import { relabelled } from '#schemas/recommendation-label';
import type { CachedAnswer } from './catalogue-cache.js';

/** An answer to a GET, with the route that made it. */
export type RoleAnswer = Pick<CachedAnswer, 'contentType' | 'body' | 'length'> & {
  route: string;
  /** The headers of a request that decide which answer it gets, as the service named them. */
  vary?: string;
  /** The recommendationId that only this caller gets, if the answer has one. */
  ownId?: string;
};

export type SharedAnswers = {
  /** The answer that a service gave lately, if the caller has one of its roles; with an id of his own, if it has one. */
  find(url: string, principal: Principal): RoleAnswer | undefined;
  keep(url: string, answer: RoleAnswer, sharing: SharedAnswer): void;
};

const bytesMax = 8 * 1024 * 1024;
const urlCharsMax = 512;
const ageMsLimit = 1_000;

type Entry = {
  answer: RoleAnswer;
  sharing: SharedAnswer;
  /** Where the id begins that every caller gets anew; -1 if there is none. */
  ownIdAt: number;
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
      if (entry === undefined || !isFor(principal, entry.sharing)) return undefined;
      const nowMs = monotonicMs();
      if (nowMs < entry.untilMs) return withOwnId(entry);
      if (nowMs >= entry.untilMs + entry.ageMsMax) entries.delete(url);
      else if (entry.isRefreshing) return withOwnId(entry);
      else entry.isRefreshing = true;
      return undefined;
    },
    keep: (url, answer, sharing) => {
      if (url.length > urlCharsMax) return;
      const { ageMsMax, ownId } = sharing;
      const bounded = Math.min(ageMsMax, ageMsLimit);
      const ownIdAt = ownId === undefined ? -1 : answer.body.indexOf(ownId);
      if (ownId !== undefined && ownIdAt < 0) return;
      const entry = {
        answer,
        sharing,
        ownIdAt,
        untilMs: monotonicMs() + bounded,
        ageMsMax: bounded,
        isRefreshing: false,
      };
      entries.set(url, entry, Number(answer.length) + url.length);
    },
  };
};

const isFor = (principal: Principal, { roles }: SharedAnswer): boolean => {
  if (principal.kind === 'anonymous') return roles.includes(anonymousRole);
  return principal.kind === 'user' && principal.roles.some((role) => roles.includes(role));
};

const anonymousRole = 'anonymous';

const withOwnId = ({ answer, sharing: { ownId: shared }, ownIdAt }: Entry): RoleAnswer => {
  if (shared === undefined) return answer;
  const ownId = relabelled(newId(), shared);
  const { body } = answer;
  if (typeof body === 'string')
    return { ...answer, ownId, body: body.slice(0, ownIdAt) + ownId + body.slice(ownIdAt + ownId.length) };
  const own = Buffer.from(body);
  own.write(ownId, ownIdAt, 'latin1');
  return { ...answer, ownId, body: own };
};
