import type { FastifyRequest } from 'fastify';

/**
 * The path as the router reads it: decoded, and without scheme, host, query and fragment. Decisions by path use this
 * one, never `request.url`, because `/api/auth/%6Cogin`, `/api/auth/login#x` and `http://x/api/auth/login` all reach
 * the login. Empty for a path without a route. A parameter of a forwarded path stays as the route names it.
 */
export const pathOf = (request: FastifyRequest): string => {
  const rest = (request.params as { '*'?: string } | undefined)?.['*'] ?? '';
  return request.routeOptions.url?.replace('*', () => rest) ?? '';
};

/** A path or URL as a service reads it. One that cannot be decoded stays as it is: no service has a route for it. */
export const decoded = (path: string): string => {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
};
