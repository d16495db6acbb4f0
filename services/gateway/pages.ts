import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { HttpApp } from '#platform/http/http-app';
import { problem } from '#platform/http/problem-details';
import { topicsDocument } from './documents.js';
import type { PlatformLinks } from './platform-links.js';
import type { ToolAnswers } from './tool-answers.js';

const hidden = { access: 'anonymous', schema: { hide: true } } as const;

/** What the page about the platform asks for, and the API documentation. No asset is loaded from another host. */
export const pageRoutes = (
  app: HttpApp,
  facts: PlatformLinks & { version: string; toolAnswers(): Promise<ToolAnswers> },
): void => {
  const { version, zipkinUrl = null, prometheusUrl = null, mailboxUrl = null, toolAnswers } = facts;
  // For the pages, whose script cannot read settings and may ask nobody but the gateway.
  app.get('/platform/links.json', hidden, async () => ({
    version,
    zipkinUrl,
    prometheusUrl,
    mailboxUrl,
    answers: await toolAnswers(),
  }));

  const topics = topicsDocument(version);
  app.get('/asyncapi.json', hidden, () => topics);

  app.get('/docs', hidden, (_request, reply) => reply.type('text/html; charset=utf-8').send(docsPage));
  const assets = dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui/static/index.html'));
  app.get('/docs/:asset', hidden, async (request, reply) => {
    const { asset } = request.params as { asset: string };
    if (asset === 'frame.css') return reply.type('text/css; charset=utf-8').send(docsStyle);
    if (asset === 'theme.js') return reply.type('text/javascript; charset=utf-8').send(docsTheme);
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
<link rel="icon" href="/favicon.ico">
<link rel="preload" href="/openapi.json" as="fetch" crossorigin="anonymous">
<script src="/docs/theme.js"></script>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/frame.css">
</head>
<body>
<header><a href="/"><img src="/favicon.ico" alt="" width="32" height="32"> Cartstream</a>
<nav aria-label="Cartstream"><a href="/dashboard">Live figures</a> <a href="/admin">Admin</a> <a href="/platform">What runs</a></nav></header>
<p id="wait" role="status">The reference of the API is being laid out, which takes some seconds.
The same as a file: <a href="/openapi.json">openapi.json</a>.</p>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** What a shop is made of stands first, what only operators need last; the rest in between, by its name. */
const docsScript = `const first = ['products', 'categories', 'recommendations', 'cart', 'orders', 'auth', 'users'];
const last = ['configuration', 'operations'];
const placeOf = (tag) => (first.includes(tag) ? first.indexOf(tag) : 50 + last.indexOf(tag));
SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  persistAuthorization: true,
  docExpansion: 'none',
  tagsSorter: (one, other) => placeOf(one) - placeOf(other) || one.localeCompare(other),
  onComplete: () => document.getElementById('wait').remove(),
});
`;

/** The theme that was chosen in the shop, else the system's; set before the first paint. */
const docsTheme = `let theme;
try { theme = localStorage.getItem('cartstream.theme'); } catch {}
const system = matchMedia('(prefers-color-scheme: dark)');
const apply = () => document.documentElement.classList.toggle('dark-mode', theme ? theme === 'dark' : system.matches);
system.addEventListener('change', apply);
apply();
`;

const docsStyle = `body { margin: 0; }
html.dark-mode { background: #1c2022; color: #e4e6e6; color-scheme: dark; }
#wait { max-width: 1460px; box-sizing: border-box; margin: 0 auto; padding: 0 20px; font: 16px/1.5 system-ui, sans-serif; }
#wait a { color: inherit; }
body > header { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: 0.5rem 2rem;
  max-width: 1460px; box-sizing: border-box; margin: 0 auto; padding: 1rem 20px; font: 16px/1.5 system-ui, sans-serif; }
body > header > a { display: flex; align-items: center; gap: 0.6rem; font-size: 1.25rem; font-weight: 600; }
body > header a { color: inherit; text-decoration: none; } body > header nav a { margin-right: 1rem; text-decoration: underline; }
`;
