import type { IncomingHttpHeaders } from 'node:http';

const ownHost = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;
/** What a browser says of an address that somebody typed, or of a page of the same origin. */
const ownSites = new Set(['none', 'same-origin']);

/**
 * Why a request comes from a web page rather than from a program of this machine; undefined where it does not. A page of
 * any site can send a form or an image request to a port of this machine, or have its own name resolve to 127.0.0.1.
 * Browsers say so: by `Origin` on what is posted, by `Sec-Fetch-Site` on everything, by `Host` after such a name.
 */
export const foreignSender = (headers: IncomingHttpHeaders): string | undefined => {
  if (headers.origin !== undefined) return 'a web page sent it (Origin)';
  const site = headers['sec-fetch-site'];
  if (site !== undefined && !ownSites.has(String(site))) return 'a web page sent it (Sec-Fetch-Site)';
  if (!ownHost.test(headers.host ?? '')) return 'it is addressed to another host (Host)';
  return undefined;
};
