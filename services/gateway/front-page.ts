/** The data of the page at `GET /platform`: services, links and commands to try. */
export type FrontPage = {
  /** The base URL by which the caller reached the gateway, without a trailing slash. */
  base: string;
  version: string;
  zipkinUrl: string | undefined;
  prometheusUrl: string | undefined;
  mailboxUrl: string | undefined;
};

/** The browser's URLs of the tools. They are separate settings, since containers reach the tools by other names. */
export const linksOf = (config: {
  zipkinUrl?: string | undefined;
  zipkinPageUrl?: string | undefined;
  prometheusUrl?: string | undefined;
  mailboxUrl?: string | undefined;
}): Pick<FrontPage, 'zipkinUrl' | 'prometheusUrl' | 'mailboxUrl'> => ({
  zipkinUrl: config.zipkinPageUrl ?? config.zipkinUrl,
  prometheusUrl: config.prometheusUrl,
  mailboxUrl: config.mailboxUrl,
});

export const frontPage = ({
  base,
  version,
  zipkinUrl,
  prometheusUrl,
  mailboxUrl,
}: FrontPage): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cartstream</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/front-page.css">
</head>
<body>
<header>
  <h1>Cartstream</h1>
  <p>A shop whose every event is an analytics row and a better recommendation within seconds.</p>
</header>
<main>
  <section>
    <h2>What runs <small id="overall">…</small></h2>
    <ul id="health" class="grid"><li class="wait">asking…</li></ul>
    <noscript><p>The same as JSON: <a href="/health/ready">/health/ready</a></p></noscript>
  </section>
  <section>
    <h2>Where to look</h2>
    <table>
      ${row('/', 'The shop')}
      ${row('/dashboard', 'Its figures, live')}
      ${row('/admin', 'Orders, products, stock, and what is wrong now')}
      ${row('/docs', 'The HTTP interface, to read and to try')}
      ${row('/openapi.json', 'The same as OpenAPI 3.1, generated from the schemas that validate')}
      ${row('/health/ready', 'The health of every service and engine')}
      ${row('/metrics', "The gateway's Prometheus metrics; each service has its own")}
      ${row('/asyncapi.json', 'The topics and events, as AsyncAPI')}
      ${zipkinUrl === undefined ? '' : row(`${zipkinUrl}/zipkin/`, 'Traces: one order is one trace, through Kafka')}
      ${prometheusUrl === undefined ? '' : row(prometheusUrl, 'Prometheus')}
      ${mailboxUrl === undefined ? '' : row(mailboxUrl, 'The mail that the shop has sent; none leaves this machine')}
    </table>
    <p>Analysts and admins ask with a token, for example <code>/api/analytics/revenue</code>: the admin's address and
    password are in <code>run.json</code>, and docs/analytics.md has every question.</p>
  </section>
  <section>
    <h2>What to try</h2>
    ${tryIt(base)
      .map(({ title, lines }) => `<h3>${title}</h3><pre><code>${escaped(lines.join('\n'))}</code></pre>`)
      .join('\n    ')}
  </section>
</main>
<footer>Cartstream ${escaped(version)} · Apache-2.0</footer>
<script src="/front-page.js"></script>
</body>
</html>
`;

const row = (href: string, what: string): string =>
  `<tr><td><a href="${escaped(href)}">${escaped(href)}</a></td><td>${escaped(what)}</td></tr>`;

const json = `-H 'content-type: application/json'`;

const tryIt = (base: string): { title: string; lines: string[] }[] => [
  { title: 'Browse', lines: [`curl -s '${base}/api/products?limit=3'`] },
  {
    title: 'Open an account',
    lines: [
      `TOKEN=$(curl -s ${base}/api/auth/register ${json} \\`,
      `  -d '{"email":"'"$RANDOM"'@example.org","password":"correct horse","name":"You"}' \\`,
      `  | grep -o '"accessToken":"[^"]*"' | cut -d'"' -f4)`,
    ],
  },
  {
    title: 'Order something, and watch its status',
    lines: [
      `PRODUCT=$(curl -s '${base}/api/products?limit=1' | grep -o '"id":"[^"]*"' | head -1 | cut -d'"' -f4)`,
      `ORDER=$(curl -s ${base}/api/orders -H "authorization: Bearer $TOKEN" \\`,
      `  -H "idempotency-key: $RANDOM$RANDOM" ${json} -d '{"items":[{"productId":"'$PRODUCT'","quantity":1}],`,
      `  "shippingAddress":{"name":"You","line1":"1 High Street","city":"Bath","postalCode":"BA1","country":"GB"},`,
      `  "payment":{"method":"card","token":"tok_ok"}}' | grep -o '"id":"[^"]*"' | head -1 | cut -d'"' -f4)`,
      `sleep 1; curl -s ${base}/api/orders/$ORDER -H "authorization: Bearer $TOKEN"`,
    ],
  },
  {
    title: 'Report what a shopper viewed, and ask what goes with it',
    lines: [
      `curl -s ${base}/api/events ${json} -d '{"events":[{"type":"product_viewed","visitId":"my-visit",`,
      `  "productId":"'$PRODUCT'","occurredAt":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"}]}'`,
      `curl -s "${base}/api/recommendations?scenario=product&productId=$PRODUCT&limit=5"`,
    ],
  },
];

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);

export const frontPageScript = `const list = document.getElementById('health');
const overall = document.getElementById('overall');
const names = { kafka: 'Kafka', postgres: 'PostgreSQL', clickhouse: 'ClickHouse', redis: 'Redis',
  'schema-registry': 'Schema registry' };
const show = (name, status, latencyMs) => {
  const item = document.createElement('li');
  item.className = status;
  const label = document.createElement('b');
  label.textContent = names[name] ?? name;
  const said = document.createElement('span');
  said.textContent = status + (latencyMs === undefined ? '' : ' · ' + Math.round(latencyMs) + ' ms');
  item.append(label, said);
  return item;
};
const refresh = async () => {
  try {
    const health = await (await fetch('/health/ready')).json();
    overall.textContent = health.status;
    overall.className = health.status;
    list.replaceChildren(
      ...Object.entries(health.dependencies).map(([name, d]) => show(name, d.status, d.latencyMs)),
    );
  } catch {
    overall.textContent = 'gateway away';
    overall.className = 'down';
  }
};
void refresh();
setInterval(refresh, 3000);
`;

export const frontPageStyle = `:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5d6772; --page: #f6f7f9; --card: #fff;
  --line: #dfe3e8; --link: #0b62d6; --up: #16833f; --degraded: #a86a00; --down: #c62b2b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --dim: #98a3af; --page: #14171b; --card: #1c2127;
  --line: #2c333b; --link: #6aa9ff; --up: #4cc47a; --degraded: #e0a53c; --down: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 3rem 1.25rem; max-width: 60rem; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
h1 { margin: 0; font-size: 2.4rem; letter-spacing: -0.03em; }
header p { margin: 0.25rem 0 0; color: var(--dim); font-size: 1.1rem; }
section { margin-top: 1.5rem; padding: 1.25rem 1.5rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
h2 { margin: 0 0 0.75rem; font-size: 1.15rem; }
h2 small { margin-left: 0.5rem; font-weight: 500; }
h3 { margin: 1rem 0 0.35rem; font-size: 0.95rem; color: var(--dim); font-weight: 600; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 0.6rem; margin: 0;
  padding: 0; list-style: none; }
.grid li { display: flex; justify-content: space-between; gap: 0.5rem; padding: 0.5rem 0.75rem;
  border: 1px solid var(--line); border-left: 4px solid var(--dim); border-radius: 8px; font-size: 0.9rem; }
.grid b { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 600; }
.grid span { white-space: nowrap; font-variant-numeric: tabular-nums; }
.grid .up { border-left-color: var(--up); } .grid .degraded { border-left-color: var(--degraded); }
.grid .down { border-left-color: var(--down); }
.up > span, small.up { color: var(--up); } .degraded > span, small.degraded { color: var(--degraded); }
.down > span, small.down { color: var(--down); }
table { border-collapse: collapse; width: 100%; }
td { padding: 0.4rem 1rem 0.4rem 0; border-top: 1px solid var(--line); vertical-align: top; }
tr:first-child td { border-top: 0; } td:first-child { white-space: nowrap; } td:last-child { color: var(--dim); }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
pre { margin: 0; padding: 0.75rem 1rem; overflow-x: auto; background: var(--page); border-radius: 8px;
  font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
footer { margin-top: 2rem; color: var(--dim); font-size: 0.85rem; }
@media (max-width: 40rem) {
  body { padding: 1.5rem 0.75rem; } section { padding: 1rem; }
  td { display: block; padding: 0.4rem 0 0; border: 0; } td:first-child { white-space: normal; overflow-wrap: anywhere; }
  td:last-child { padding: 0 0 0.4rem; } tr + tr { border-top: 1px solid var(--line); }
  code { overflow-wrap: anywhere; } pre code { overflow-wrap: normal; }
}
`;
