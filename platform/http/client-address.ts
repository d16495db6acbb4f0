import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

const hopsMax = 10;
const networkNames = new Set(['loopback', 'linklocal', 'uniquelocal']);

/**
 * The proxies whose `X-Forwarded-For` is trusted: their number (`1`), or their addresses and networks, separated by
 * commas (`10.0.0.0/8,loopback`). A plain "trust all" is not possible: a client could then claim any address.
 */
export const trustedProxies = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .refine(
    (parts) => (parts.length === 1 && isHopCount(parts[0] ?? '')) || parts.every(isNetwork),
    `must be the number of proxies (1 to ${hopsMax}), or their addresses or networks, separated by commas`,
  )
  .transform((parts) => (isHopCount(parts[0] ?? '') ? Number(parts[0]) : parts));

const isHopCount = (text: string): boolean => /^\d{1,2}$/.test(text) && +text >= 1 && +text <= hopsMax;

const isNetwork = (text: string): boolean =>
  networkNames.has(text) ||
  ipaddr.IPv4.isValidFourPartDecimal(text) ||
  ipaddr.IPv6.isValid(text) ||
  ipaddr.isValidCIDR(text);

/**
 * The same text for the same client, however its address is written: an IPv4 address, also when it is mapped to IPv6,
 * or the /64 network of an IPv6 address, because providers give each customer a whole /64. `otherwise` for text that is
 * no address.
 */
export const clientNetwork = (written: string, otherwise: string): string => {
  const address = parsed(written) ?? parsed(otherwise);
  if (address === undefined) return 'unknown';
  if (address instanceof ipaddr.IPv4) return address.toString();
  const network = address.parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
};

type ClientRequest = Pick<FastifyRequest, 'ip' | 'raw'>;

/** The network of the client of a request. */
export const networkOf = ({ ip, raw }: ClientRequest): string =>
  // A client that has gone has no address any more, though the type says otherwise.
  clientNetwork(ip ?? '', raw.socket.remoteAddress ?? '');

export type ClientNetworks = {
  /** As `networkOf`. */
  of(request: ClientRequest): string;
  /** The same without the router's request, if a request with the same addresses was seen lately. */
  known(raw: IncomingMessage): string | undefined;
};

const networksKeptMax = 10_000;
const keyCharsMax = 200;

/**
 * Keeps the networks of the newest clients, since most requests come from a few, and finding a client behind proxies
 * takes longer than counting its request. `readsForwarded`: the server trusts some proxy's `X-Forwarded-For`.
 */
export const createClientNetworks = (readsForwarded: boolean): ClientNetworks => {
  const networks = new Map<string, string>();
  const keyOf = ({ socket, headers }: IncomingMessage): string => {
    const remote = socket.remoteAddress ?? '';
    const forwarded = readsForwarded ? headers['x-forwarded-for'] : undefined;
    return forwarded === undefined ? remote : `${remote} ${forwarded}`;
  };
  return {
    of: (request) => {
      const key = keyOf(request.raw);
      const known = networks.get(key);
      if (known !== undefined) return known;
      const network = networkOf(request);
      if (networks.size >= networksKeptMax) networks.clear();
      if (key.length <= keyCharsMax) networks.set(key, network);
      return network;
    },
    known: (raw) => networks.get(keyOf(raw)),
  };
};

const parsed = (written: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined => {
  // Some proxies add a port, and then write IPv6 in brackets.
  const [, bracketed, plain] =
    /^(?:\[([^\]]*)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+)(?::\d+)?)$/.exec(written.slice(0, 100)) ?? [];
  const bare = bracketed ?? plain ?? written;
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return ipaddr.IPv4.parse(bare);
  return ipaddr.IPv6.isValid(bare) ? ipaddr.process(bare) : undefined;
};
