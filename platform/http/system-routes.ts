import { z } from 'zod';
import type { Host } from '#platform/service-host';
import type { HttpApp, HttpServerOptions } from './http-app.js';
import { type DescribedRoute, describeRoutes, type OpenApiDocument } from './openapi.js';

/** The patterns of these routes. Their requests are neither traced nor logged. */
export const systemRoutes = new Set([
  '/health',
  '/health/live',
  '/health/ready',
  '/health/consumers',
  '/metrics',
  '/openapi.json',
  '/outbox/watermark',
]);

const healthStatus = z.enum(['up', 'degraded', 'down']);
const healthSchema = z
  .object({
    status: healthStatus,
    service: z.string(),
    version: z.string(),
    dependencies: z.record(z.string(), z.object({ status: healthStatus, latencyMs: z.number() })),
  })
  .meta({ id: 'Health' });

/** Health, metrics and the document of the server's own routes. */
export const addSystemRoutes = (
  app: HttpApp,
  host: Host,
  options: Pick<HttpServerOptions, 'title' | 'description' | 'health' | 'document'>,
  described: readonly DescribedRoute[],
): void => {
  const tags = ['operations'];
  app.get(
    '/health/live',
    {
      access: 'anonymous',
      schema: { tags, summary: 'Does the process run?', response: { 200: healthSchema } },
    },
    () => ({ status: 'up' as const, service: host.service, version: host.version, dependencies: {} }),
  );
  for (const url of ['/health/ready', '/health'])
    app.get(
      url,
      {
        access: 'anonymous',
        schema: {
          tags,
          summary: 'Can the service do its work? 503 while it cannot.',
          response: { 200: healthSchema, 503: healthSchema },
        },
      },
      async (_request, reply) => {
        const report = await (options.health ?? host.health)();
        return reply.code(report.status === 'down' ? 503 : 200).send(report);
      },
    );
  app.get('/health/consumers', { access: 'anonymous', schema: { hide: true } }, () => ({
    items: host.consumers(),
  }));
  app.get(
    '/metrics',
    {
      access: 'anonymous',
      schema: {
        tags,
        summary: 'Prometheus metrics.',
        response: { 200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } } },
      },
    },
    async (_request, reply) => reply.type(host.metrics.contentType).send(await host.metrics.render()),
  );

  let ownDocument: Promise<OpenApiDocument> | undefined;
  const own = (): Promise<OpenApiDocument> => {
    ownDocument ??= describeRoutes(
      {
        title: options.title,
        version: host.version,
        ...(options.description === undefined ? {} : { description: options.description }),
      },
      described,
    );
    return ownDocument;
  };
  const document = options.document?.(own) ?? own;
  app.get('/openapi.json', { access: 'anonymous', schema: { hide: true } }, () => document());
};
