import type { IncomingHttpHeaders } from 'node:http';

/** The `Cache-Control` of an answer to credentials that has none of its own. */
export const privateCaching = 'private, no-store';

/**
 * True for a request whose answer may be for its sender alone. Caches keep answers to `Authorization` for nobody else by
 * themselves (RFC 9111 section 3.5), but they do not know the other headers.
 */
export const bearsCredentials = (headers: IncomingHttpHeaders): boolean =>
  headers.authorization !== undefined ||
  headers['x-order-token'] !== undefined ||
  headers['x-api-key'] !== undefined;
