import { isBrokenInvariant } from '#platform/assert';
import { isRetriable } from '#platform/errors';
import { inJointTransaction } from '#platform/postgres/joint-transactions';
import type { Database } from '#platform/postgres/pool';
import type { Component, Host } from '#platform/service-host';
import { withCorrelation } from '#platform/telemetry/correlation';
import { contextFromTraceparent, runInContext } from '#platform/telemetry/tracing';
import { backoffMs } from '#platform/waiting/backoff';
import { endsWithin } from '#platform/waiting/deadline';
import { createSpacing } from '#platform/waiting/spacing';
import { createWorkLoop } from '#platform/waiting/work-loop';
import { type Answer, type Channel, type Channels, TargetAway } from './channel.js';
import { type Result, statusOf, type Target, targetsOf } from './delivery.js';
import { type Message, messageOf } from './message-texts.js';
import { type ChannelName, channelsOf } from './notification.js';
import type { NotificationMetrics } from './notification-metrics.js';
import type { Claimed, NotificationStore } from './notification-store.js';

export type SendWorker = Component & {
  /** Sends what is due, one round of it, and returns how many notifications that were. `start` begins such rounds. */
  sendDue(): Promise<number>;
  /** Something is to be sent now. */
  ring(): void;
};

export type SendWorkerDeps = {
  db: Database;
  notifications: NotificationStore;
  channels: Channels;
  metrics: NotificationMetrics;
  shopUrl: string | undefined;
  perSecondMax: number;
};

/** For what is to be tried again, and what another process has not finished; new ones ring. */
const pollMs = 5000;
/** Between the beginnings of two rounds: each costs some transactions, however many notifications it has. */
const roundMs = 1000;
/** A round is not waited for any longer: what somebody's push service delays keeps nobody else waiting. */
const roundMsMax = 2000;
/** So many times what a round may have may be under way. */
const roundsMax = 10;
/** How long an outcome waits for others of its round, so that one transaction records them. */
const togetherMs = 250;
/** Longer than a provider may take to answer, but not than all that wait for a slow one: those are held again. */
const leaseMs = 60_000;
const retry = { minMs: 1000, maxMs: 300_000, jitter: 0.2 };
/** Longer than any rest or lease: what is put off for longer was put off by a clock that was set back since. */
const restMsMax = 600_000;
/** Between two looks for such. */
const lookEveryMs = 10_000;
/** The contact of a new account may arrive after the first event about it: some four minutes are enough. */
const contactAttemptsMax = 8;

/**
 * Sends notifications, at most `perSecondMax` a second, so that a burst of orders leaves the machine to the orders. No
 * provider is called inside a transaction: one statement begins the attempt, another one records its outcome. If the
 * process dies in between, the next attempt sends the message again under the same id, by which receivers recognise it.
 * Outcomes of a round that come within a moment are recorded together.
 * What cannot be sent is tried again until it is useless. A channel whose provider does not answer rests meanwhile.
 */
export const createSendWorker = (
  host: Pick<Host, 'logger' | 'clock' | 'onFatal'>,
  deps: SendWorkerDeps,
): SendWorker => {
  const { clock, logger } = host;
  const spacing = createSpacing(roundMs);
  const rests = createRests(clock.monotonicMs);
  const countMax = Math.max(1, Math.floor((deps.perSecondMax * roundMs) / 1000));
  const underWay = createUnderWay(clock.monotonicMs);
  const rounds = new Set<Promise<unknown>>();
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  const sendOne = (one: Claimed, meet: () => Promise<void>): Promise<void> =>
    asPartOf(one, () => attempt(host, deps, one, () => tryAll(host, deps, rests, one).finally(meet)))
      .catch((error: unknown) => {
        if (isBrokenInvariant(error)) host.onFatal(error);
        logger.warn({ err: error, notificationId: one.id }, 'outcome of an attempt is not recorded');
      })
      .finally(() => underWay.ended(one));

  const begin = async (): Promise<{ count: number; round: Promise<unknown> }> => {
    await underWay.hold((slow) => deps.notifications.hold(deps.db, slow, leaseMs));
    if (clock.monotonicMs() - lookedAtMs >= lookEveryMs) {
      lookedAtMs = clock.monotonicMs();
      await deps.notifications.endRestsOfAnotherTime(deps.db, restMsMax);
    }
    const claimed = await deps.notifications.claim(deps.db, {
      countMax: Math.min(countMax, roundsMax * countMax - underWay.size),
      leaseMs,
    });
    underWay.begun(claimed);
    const meet = createMeeting(claimed.length);
    const round = Promise.all(claimed.map((one) => sendOne(one, meet))).finally(() => rounds.delete(round));
    rounds.add(round);
    return { count: claimed.length, round };
  };

  const loop = createWorkLoop({
    restMs: pollMs,
    work: async () => {
      await spacing.next();
      const { count, round } = await begin();
      await endsWithin(roundMsMax, round);
      return count > 0;
    },
    onFailure: (error) => logger.debug({ err: error }, 'notifications cannot be read'),
  });

  return {
    name: 'send-worker',
    sendDue: async () => {
      const { count, round } = await begin();
      await round;
      return count;
    },
    ring: loop.ring,
    start: loop.start,
    stop: async () => {
      await loop.stop();
      await Promise.all(rounds);
      await Promise.all(Object.values(deps.channels).map((channel) => channel.close()));
    },
  };
};

/** Runs `work` under the correlation and in the trace of what the notification is about. */
const asPartOf = <T>(
  { correlationId, causationId, traceparent }: Claimed,
  work: () => Promise<T>,
): Promise<T> =>
  withCorrelation({ correlationId, ...(causationId === null ? {} : { causationId }) }, () =>
    runInContext(contextFromTraceparent(traceparent ?? undefined), work),
  );

/** The attempts that go on. */
const createUnderWay = (monotonicMs: () => number) => {
  /** With when each was claimed, or held again. */
  const sinceMs = new Map<Claimed, number>();
  return {
    get size() {
      return sinceMs.size;
    },
    begun: (claimed: readonly Claimed[]): void => {
      for (const one of claimed) sinceMs.set(one, monotonicMs());
    },
    ended: (one: Claimed): void => void sinceMs.delete(one),
    /** Holds those again whose lease is half over. */
    hold: async (holdAgain: (slow: readonly Claimed[]) => Promise<void>): Promise<void> => {
      const nowMs = monotonicMs();
      const slow = [...sinceMs].flatMap(([one, atMs]) => (nowMs - atMs < leaseMs / 2 ? [] : [one]));
      if (slow.length === 0) return;
      await holdAgain(slow);
      for (const one of slow) if (sinceMs.has(one)) sinceMs.set(one, nowMs);
    },
  };
};

type Rests = {
  isResting(channel: ChannelName): boolean;
  failed(channel: ChannelName): void;
  worked(channel: ChannelName): void;
};

const rest = { minMs: 500, maxMs: 30_000 };

/** A channel that has just failed is not tried for a while, which grows with each failure in a row. */
const createRests = (monotonicMs: () => number): Rests => {
  const resting = new Map<ChannelName, { failures: number; untilMs: number }>();
  return {
    isResting: (channel) => monotonicMs() < (resting.get(channel)?.untilMs ?? 0),
    failed: (channel) => {
      const failures = (resting.get(channel)?.failures ?? 0) + 1;
      resting.set(channel, { failures, untilMs: monotonicMs() + backoffMs(rest, failures) });
    },
    worked: (channel) => void resting.delete(channel),
  };
};

/** The outcomes of a round wait for each other: until it has no more, or the first of them has waited for `togetherMs`. */
const createMeeting = (count: number): (() => Promise<void>) => {
  let missing = count;
  let meeting = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  const goOn = (): void => {
    clearTimeout(timer);
    timer = undefined;
    meeting.resolve();
    meeting = Promise.withResolvers<void>();
  };
  return () => {
    const { promise } = meeting;
    missing -= 1;
    if (missing === 0) goOn();
    else timer ??= setTimeout(goOn, togetherMs);
    return promise;
  };
};

const attempt = async (
  host: Pick<Host, 'logger' | 'clock'>,
  deps: SendWorkerDeps,
  claimed: Claimed,
  tryNow: () => Promise<Tried>,
): Promise<void> => {
  const { id, template, attempts, uselessAt, occurredAt } = claimed;
  const nowMs = host.clock.nowMs();
  const tried = await tryNow();
  const isLast = nowMs >= uselessAt.getTime() || (tried.isUnknown && attempts >= contactAttemptsMax);
  const reason = tried.isUnknown ? 'no_contact' : 'gave_up';
  const givenUp: Result[] = isLast
    ? tried.open.map(({ channel, key }) => ({ channel, target: key, status: 'failed', reason, atMs: nowMs }))
    : [];
  const fresh = [...tried.fresh, ...givenUp];
  const results = [...claimed.results, ...fresh];
  const isOver = tried.open.length === givenUp.length;
  const outcome = isOver ? { status: statusOf(results) } : { retryAtMs: nowMs + backoffMs(retry, attempts) };
  await inJointTransaction(deps.db, (tx) =>
    deps.notifications.finish(tx, claimed, { results, fresh, ...outcome }),
  );
  for (const result of fresh) deps.metrics.settled(template, result, nowMs - occurredAt.getTime());
  const refused = fresh.filter(({ status }) => status === 'failed');
  if (refused.length > 0)
    host.logger.warn({ notificationId: id, template, refused }, 'a notification was given up');
  else host.logger.debug({ notificationId: id, template, ...outcome }, 'attempt to notify');
};

/** What one attempt has settled, and what is still open. */
type Tried = { fresh: Result[]; open: Pick<Target, 'channel' | 'key'>[]; isUnknown: boolean };

const tryAll = async (
  host: Pick<Host, 'logger' | 'clock'>,
  { channels, shopUrl }: SendWorkerDeps,
  rests: Rests,
  claimed: Claimed,
): Promise<Tried> => {
  const { id, template, orderId, contact, isGuest, preferences, secret, data, results, uselessAt } = claimed;
  if (contact === undefined)
    return {
      fresh: [],
      open: [{ channel: channelsOf(template)[0] ?? 'email', key: 'none' }],
      isUnknown: true,
    };
  const { targets, skipped } = targetsOf(claimed, contact, preferences);
  const { name } = contact;
  const message = messageOf({ template, orderId, data: { ...data, ...secret }, name, isGuest, shopUrl });
  const settled = new Set(results.map(({ channel, target }) => `${channel} ${target}`));
  const isOpen = ({ channel, key }: Pick<Target, 'channel' | 'key'>) => !settled.has(`${channel} ${key}`);
  const atMs = host.clock.nowMs();
  const fresh: Result[] = skipped
    .filter(({ channel }) => isOpen({ channel, key: 'none' }))
    .map(({ channel, reason }) => ({ channel, target: 'none', status: 'skipped', reason, atMs }));
  const open: Target[] = [];
  // After a stop there are those whose time was over before anything was tried: a token that nobody can use any more.
  const isUseless = atMs >= uselessAt.getTime();
  await Promise.all(
    targets.filter(isOpen).map(async (target) => {
      const { channel, key } = target;
      const answer =
        isUseless && channel in channels
          ? undefined
          : await send(host, channels, rests, message, target, `${id}.${key}`);
      if (answer === undefined) open.push(target);
      else fresh.push({ channel, target: key, ...answer, atMs });
    }),
  );
  return { fresh, open, isUnknown: false };
};

/** Undefined where a later attempt may succeed. */
const send = async (
  { logger }: Pick<Host, 'logger'>,
  channels: Channels,
  rests: Rests,
  message: Message,
  target: Target,
  id: string,
): Promise<Pick<Result, 'status' | 'reason'> | undefined> => {
  const channel = channels[target.channel] as Channel | undefined;
  if (channel === undefined) return { status: 'skipped', reason: 'not_set_up' };
  if (rests.isResting(target.channel)) return undefined;
  try {
    const answer: Answer = await channel.send(message, target, id);
    rests.worked(target.channel);
    return answer.status === 'sent' ? answer : { status: 'failed', reason: answer.reason };
  } catch (error) {
    if (isBrokenInvariant(error)) throw error;
    if (!isRetriable(error)) {
      logger.error({ err: error, channel: target.channel }, 'a channel cannot send this');
      return { status: 'failed', reason: 'channel_fault' };
    }
    if (!(error instanceof TargetAway)) rests.failed(target.channel);
    logger.debug({ err: error, channel: target.channel }, 'not sent yet');
    return undefined;
  }
};
