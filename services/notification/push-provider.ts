import { lookup } from 'node:dns';
import { Agent } from 'node:https';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import webPush from 'web-push';
import { PlatformError } from '#platform/errors';
import type { Channel } from './channel.js';

const timeoutMs = 10_000;
/** How long a push service keeps a message for a device that is off. */
const keptS = 86_400;
const goneStatuses = [404, 410];
const tooManyRequests = 429;

export type PushKeys = { publicKey: string; privateKey: string; subject: string };

/** Sends by Web Push, signed with the shop's VAPID keys. */
export const createPush = (keys: () => PushKeys, agent: Agent = publicOnly()): Channel<'push'> => ({
  name: 'push',
  send: async ({ subject, short }, { device }, id) => {
    const { endpoint, p256dh, auth } = device;
    if (isInnerAddress(new URL(endpoint).hostname)) return { status: 'refused', reason: 'inner_address' };
    try {
      await webPush.sendNotification(
        { endpoint, keys: { p256dh, auth } },
        JSON.stringify({ id, title: subject, body: short }),
        { vapidDetails: keys(), TTL: keptS, timeout: timeoutMs, agent, topic: topicOf(id) },
      );
      return { status: 'sent' };
    } catch (error) {
      const { statusCode } = error as { statusCode?: number };
      if (statusCode !== undefined && goneStatuses.includes(statusCode))
        return { status: 'refused', reason: 'device_gone' };
      if (statusCode !== undefined && statusCode >= 400 && statusCode < 500 && statusCode !== tooManyRequests)
        return { status: 'refused', reason: `push_${statusCode}` };
      if (error instanceof InnerAddress) return { status: 'refused', reason: 'inner_address' };
      // Without a status it is the network, or keys of the device that cannot be used.
      if (statusCode === undefined && !isOfNetwork(error))
        return { status: 'refused', reason: 'device_invalid' };
      throw new PlatformError('dependency_unavailable', `push: ${statusCode ?? 'no answer'}`, {
        retriable: true,
        cause: error,
      });
    }
  },
  close: async () => agent.destroy(),
});

/** A message that a device has not received yet is replaced by a repeat of it. */
const topicOf = (id: string): string => id.replace(/[^\w-]/g, '').slice(0, 32);

const isOfNetwork = (error: unknown): boolean =>
  /^E[A-Z]+$/.test(String((error as { code?: unknown }).code ?? '')) ||
  /timeout|socket|certificate|TLS|SSL/i.test(String((error as Error).message));

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
