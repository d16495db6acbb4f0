import type { FastifyRequest } from 'fastify';

/**
 * The path as the router has read it: without scheme and host, query and fragment, and decoded. What is decided
 * by the path is decided by this one, never by `request.url`: `/api/auth/%6Cogin`, `/api/auth/login#x` and
 * `http://x/api/auth/login` all reach the login. Empty for an address that has no route.
 */
export const pathOf = (request: FastifyRequest): string => {
  const rest = (request.params as { '*'?: string } | undefined)?.['*'] ?? '';
  return request.routeOptions.url?.replace('*', () => rest) ?? '';
};
