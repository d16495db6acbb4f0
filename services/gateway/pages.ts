import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { problem } from '#platform/http/problem-details';
import type { HttpApp } from '#platform/http/server';
import { topicsDocument } from './documents.js';
import { type FrontPage, frontPage, frontPageScript, frontPageStyle } from './front-page.js';

const hidden = { access: 'anonymous', schema: { hide: true } } as const;

/** The page about the platform and the API documentation. No asset is loaded from another host. */
export const pageRoutes = (app: HttpApp, facts: Omit<FrontPage, 'base'>): void => {
  app.get('/platform', hidden, (request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .send(frontPage({ ...facts, base: `${request.protocol}://${request.host}` })),
  );
  const { zipkinUrl = null, prometheusUrl = null, mailboxUrl = null } = facts;
  // For the pages of staff, whose script cannot read settings.
  app.get('/platform/links.json', hidden, () => ({ zipkinUrl, prometheusUrl, mailboxUrl }));
  app.get('/front-page.js', hidden, (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(frontPageScript),
  );
  app.get('/front-page.css', hidden, (_request, reply) =>
    reply.type('text/css; charset=utf-8').send(frontPageStyle),
  );

  const topics = topicsDocument(facts.version);
  app.get('/asyncapi.json', hidden, () => topics);

  app.get('/docs', hidden, (_request, reply) => reply.type('text/html; charset=utf-8').send(docsPage));
  const assets = dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui/static/index.html'));
  app.get('/docs/:asset', hidden, async (request, reply) => {
    const { asset } = request.params as { asset: string };
    if (asset === 'start.js') return reply.type('text/javascript; charset=utf-8').send(docsScript);
    const type = docsAssets[asset];
    if (type === undefined) throw problem(404, 'route_not_found', 'There is nothing at this address.');
    return reply
      .type(type)
      .header('cache-control', 'public, max-age=86400')
      .send(await readFile(join(assets, asset)));
  });
};

const docsAssets: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
});

const docsPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cartstream API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const docsScript = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  persistAuthorization: true,
});
`;
