import { isIPv6 } from 'node:net';

export type Address = { host: string; port: number };

/**
 * Parses `host:port`. An IPv6 address is written in brackets and returned without them. Undefined for anything else.
 */
export const parseAddress = (text: string): Address | undefined => {
  const {
    bracketed,
    name,
    digits = '',
  } = /^(?:\[(?<bracketed>[^\]]+)\]|(?<name>[^\s:[\]/@]+)):(?<digits>\d{1,5})$/.exec(text)?.groups ?? {};
  const port = Number(digits);
  if (port < 1 || port > 65_535) return undefined;
  if (name !== undefined) return { host: name, port };
  return bracketed !== undefined && isIPv6(bracketed) ? { host: bracketed, port } : undefined;
};

export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
