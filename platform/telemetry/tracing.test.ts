import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { boundExporter } from './span-export.js';
import {
  contextFromTraceparent,
  currentTraceparent,
  SpanKind,
  startRequestSpan,
  startSpan,
  startTracing,
  type Tracer,
  traceparentOf,
  withSpan,
} from './tracing.js';

type ZipkinSpan = {
  traceId: string;
  id: string;
  parentId?: string;
  name: string;
  kind?: string;
  timestamp: number;
  localEndpoint: { serviceName: string };
};

/** Speaks as much Zipkin as an exporter needs, and can be made to hang. */
let zipkin: Server;
/** Speaks as much OTLP as an exporter needs. */
let otlp: Server;
type OtlpRequest = {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: { name: string; traceId: string }[] }[];
  }[];
};
const otlpRequests: { path: string; body: OtlpRequest }[] = [];
let hangs = false;
let isComingUp = false;
let connections = 0;
const spans: ZipkinSpan[] = [];
let seller: Tracer;
let bank: Tracer;

beforeAll(async () => {
  zipkin = createServer((request, response) => {
    connections += 1;
    if (hangs) return;
    if (isComingUp) return void response.writeHead(503).end();
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      spans.push(...(JSON.parse(body) as ZipkinSpan[]));
      response.writeHead(202).end();
    });
  });
  await new Promise<void>((resolve) => zipkin.listen(0, '127.0.0.1', resolve));
  otlp = createServer(async (request, response) => {
    otlpRequests.push({ path: request.url ?? '', body: JSON.parse(await text(request)) as OtlpRequest });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => otlp.listen(0, '127.0.0.1', resolve));
  const zipkinUrl = urlOf(zipkin);
  const otlpEndpoint = `${urlOf(otlp)}/`;
  seller = await startTracing({
    service: 'seller',
    zipkinUrl,
    otlpEndpoint,
    exportDelayMs: 200,
    sampleRatio: 1,
    readsPerSecondMax: 5,
  });
  bank = await startTracing({ service: 'bank', zipkinUrl, otlpEndpoint, sampleRatio: 1 });
});

afterAll(() => {
  for (const server of [zipkin, otlp]) {
    server.closeAllConnections();
    server.close();
  }
});

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

describe('a trace', () => {
  it('goes through services of one process, each under its own name, and over the wire', async () => {
    let carried = '';
    await withSpan('sell', { tracer: seller, kind: SpanKind.SERVER }, () =>
      withSpan('inner', {}, async () => {
        await new Promise(setImmediate);
        carried = currentTraceparent() ?? '';
      }),
    );
    await withSpan('pay', { tracer: bank, parent: contextFromTraceparent(carried) }, async () => {});

    await eventually(() => spans.length >= 3);
    const named = (name: string) => spans.find((span) => span.name === name);
    const [sell, inner, pay] = [named('sell'), named('inner'), named('pay')];
    expect([sell, inner, pay].map((span) => span?.localEndpoint.serviceName)).toEqual([
      'seller',
      'seller',
      'bank',
    ]);
    expect([sell?.parentId, inner?.parentId, pay?.parentId]).toEqual([undefined, sell?.id, inner?.id]);
    expect(new Set([sell, inner, pay].map((span) => span?.traceId)).size).toBe(1);
    expect(sell?.kind).toBe('SERVER');
  });

  it('begins at a whole millisecond whatever it is given, for Zipkin refuses a time with a fraction', async () => {
    const startedAtMs = Date.now() - 1_000.4;
    startSpan('past', { tracer: seller, startedAtMs }).span.end();
    const past = await eventually(() => spans.find(({ name }) => name === 'past') ?? false);
    expect(past).toMatchObject({ timestamp: Math.round(startedAtMs) * 1_000 });
  });

  it('that its caller does not record is not recorded, and travels on', async () => {
    const unsampled = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`;
    const before = spans.length;
    await withSpan('quiet', { tracer: seller, parent: contextFromTraceparent(unsampled) }, () => {
      expect(currentTraceparent()).toMatch(/^00-a{32}-[0-9a-f]{16}-00$/);
    });
    await withSpan('loud', { tracer: seller }, async () => {});
    await eventually(() => spans.length > before);
    expect(spans.slice(before).map(({ name }) => name)).toEqual(['loud']);
  });

  it.each([
    undefined,
    '',
    'x',
    '00-0-0-01',
    `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`,
    `00-${'a'.repeat(32)}`,
  ])('is not continued from %j', (traceparent) => {
    const context = contextFromTraceparent(traceparent);
    expect(traceparentOf(context)).toBeUndefined();
  });

  it('keeps what its work throws', async () => {
    const failure = new Error('no');
    await expect(withSpan('fail', { tracer: seller }, () => Promise.reject(failure))).rejects.toBe(failure);
  });

  it('waits for a Zipkin that is still coming up', async () => {
    isComingUp = true;
    const before = connections;
    await withSpan('early', { tracer: seller }, () => {});
    await eventually(() => connections > before);
    isComingUp = false;
    await eventually(() => spans.some(({ name }) => name === 'early'));
  });

  it('is sent as OTLP too, also while Zipkin hangs', async () => {
    hangs = true;
    await withSpan('twice', { tracer: bank }, () => {});
    await eventually(() => otlpRequests.some(({ body }) => JSON.stringify(body).includes('"twice"')));
    const sent = otlpRequests.flatMap(({ path, body }) =>
      body.resourceSpans.flatMap(({ resource, scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) =>
          spans.map(({ name }) => ({
            path,
            name,
            service: resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue,
          })),
        ),
      ),
    );
    expect(sent).toContainEqual({ path: '/v1/traces', name: 'twice', service: 'bank' });
  });

  it('costs nothing but itself while Zipkin hangs', async () => {
    hangs = true;
    const startedAt = performance.now();
    for (let n = 0; n < 20_000; n += 1) await withSpan('lost', { tracer: seller }, () => {});
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it('tries a batch again that nobody took, and not one that the receiver finds wrong', async () => {
    const attempts: string[] = [];
    const answers = ['connect ECONNREFUSED', 'Got unexpected status code from zipkin: 503', ''];
    const exporter = boundExporter(
      {
        export: (_, done) => {
          const error = answers.shift() ?? 'Got unexpected status code from zipkin: 400';
          attempts.push(error);
          done(error === '' ? { code: 0 } : { code: 1, error: new Error(error) });
        },
        shutdown: async () => {},
      },
      { retryMs: 1 },
    );
    const exported = () => new Promise((resolve) => exporter.export([], ({ code }) => resolve(code)));
    expect([await exported(), attempts.length]).toEqual([0, 3]);
    expect([await exported(), attempts.length]).toEqual([1, 4]);
  });

  it('has two batches under way at most', () => {
    const answers: number[] = [];
    let underWay = 0;
    const exporter = boundExporter({
      export: () => {
        underWay += 1;
      },
      shutdown: async () => {},
    });
    for (let batch = 0; batch < 3; batch += 1) exporter.export([], ({ code }) => answers.push(code));
    expect({ underWay, answers }).toEqual({ underWay: 2, answers: [1] });
  });
});

describe('the span of a request', () => {
  const caller = (flags: string) => contextFromTraceparent(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-${flags}`);
  const arrive = (isRead: boolean, flags?: string) =>
    startRequestSpan('GET /', {
      tracer: seller,
      isRead,
      parent: flags === undefined ? contextFromTraceparent(undefined) : caller(flags),
    });

  it('is made for every write, for as many reads a second as may be, and as the caller has decided', () => {
    const reads = Array.from({ length: 100 }, () => arrive(true));
    const sampled = reads.filter(({ span }) => span !== undefined).length;
    expect(sampled).toBeGreaterThanOrEqual(5);
    // The second may end meanwhile.
    expect(sampled).toBeLessThanOrEqual(10);
    const left = reads.find(({ span }) => span === undefined)?.within;
    expect(left && traceparentOf(left)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    for (let n = 0; n < 20; n += 1) {
      expect(arrive(false).span).toBeDefined();
      expect(arrive(true, '01').span).toBeDefined();
      const refused = arrive(false, '00');
      expect([refused.span, traceparentOf(refused.within)]).toEqual([undefined, traceparentOf(caller('00'))]);
    }
  });
});
