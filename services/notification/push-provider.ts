import { lookup } from 'node:dns';
import { Agent, request } from 'node:https';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import webPush, { type RequestDetails } from 'web-push';
import { type Channel, TargetAway } from './channel.js';

const timeoutMs = 10_000;
/** How long a push service keeps a message for a device that is off. */
const keptS = 86_400;
const goneStatuses = [404, 410];
const tooManyRequests = 429;

export type PushKeys = { publicKey: string; privateKey: string; subject: string };

/**
 * Sends by Web Push, signed with the shop's VAPID keys. The push service is whatever a customer has named: it has
 * `answerMsMax` for its whole answer, of which only the status is read.
 */
export const createPush = (
  keys: () => PushKeys,
  agent: Agent = publicOnly(),
  answerMsMax = timeoutMs,
): Channel<'push'> => ({
  name: 'push',
  send: async ({ subject, short }, { device }, id) => {
    const { endpoint, p256dh, auth } = device;
    if (isInnerAddress(new URL(endpoint).hostname)) return { status: 'refused', reason: 'inner_address' };
    const message = sealed(
      { endpoint, keys: { p256dh, auth } },
      JSON.stringify({ id, title: subject, body: short }),
      { vapidDetails: keys(), TTL: keptS, topic: topicOf(id) },
    );
    if (message === undefined) return { status: 'refused', reason: 'device_invalid' };
    try {
      const status = await statusOf(message, agent, AbortSignal.timeout(answerMsMax));
      if (status >= 200 && status < 300) return { status: 'sent' };
      if (goneStatuses.includes(status)) return { status: 'refused', reason: 'device_gone' };
      if (status >= 400 && status < 500 && status !== tooManyRequests)
        return { status: 'refused', reason: `push_${status}` };
      throw away(String(status));
    } catch (error) {
      if (error instanceof InnerAddress) return { status: 'refused', reason: 'inner_address' };
      throw error instanceof TargetAway ? error : away('no answer', error);
    }
  },
  close: async () => agent.destroy(),
});

/** One device's push service says nothing about another's. */
const away = (what: string, cause?: unknown): TargetAway => new TargetAway(`push: ${what}`, cause);

/** The request with the encrypted message; undefined where the device's keys cannot be used. */
const sealed = (...of: Parameters<typeof webPush.generateRequestDetails>): RequestDetails | undefined => {
  try {
    return webPush.generateRequestDetails(...of);
  } catch {
    return undefined;
  }
};

/**
 * The status that a push service answers with. `webPush.sendNotification` would keep all that follows it in memory, and
 * never settle where the connection breaks within it.
 */
const statusOf = (
  { endpoint, method, headers, body }: RequestDetails,
  agent: Agent,
  signal: AbortSignal,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const call = request(endpoint, { method, headers, agent, signal }, (answer) => {
      // Read to its end, so that the connection serves again, or until the signal ends it.
      answer.on('error', () => {}).resume();
      resolve(answer.statusCode ?? 0);
    });
    call.on('error', reject).end(body);
  });

/** A message that a device has not received yet is replaced by a repeat of it. */
const topicOf = (id: string): string => id.replace(/[^\w-]/g, '').slice(0, 32);

class InnerAddress extends Error {}

/** True for a numeric address that is not of the public network. */
const isInnerAddress = (host: string): boolean => {
  const address = host.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(address) && ipaddr.process(address).range() !== 'unicast';
};

/** A name may lead to the own network, whoever has registered it: such an address is not called. */
const publicOnly = (): Agent => {
  const lookupPublic: LookupFunction = (host, options, done) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      const allowed = addresses?.filter(({ address }) => !isInnerAddress(address)) ?? [];
      const [first] = allowed;
      if (error !== null) return done(error, '', 4);
      if (first === undefined) return done(new InnerAddress(`${host} is an inner address`), '', 4);
      if (options.all === true) return done(null, allowed);
      return done(null, first.address, first.family);
    });
  };
  return new Agent({ keepAlive: true, maxSockets: 8, lookup: lookupPublic });
};
