import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type PlatformLinks, usePlatformLinks } from '../../api/platform-links.ts';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { Skeleton } from '../../kit/skeleton.tsx';
import { Page } from '../shell/page.tsx';
import { commandsFor } from './commands.ts';

type Part = { status: string; latencyMs?: number };
type Health = { status: string; dependencies: Record<string, Part> };

const everyMs = 3_000;

const engineNames: Readonly<Record<string, string>> = {
  kafka: 'Kafka',
  postgres: 'PostgreSQL',
  clickhouse: 'ClickHouse',
  redis: 'Redis',
  'schema-registry': 'Schema registry',
};

/** What runs, where to look at it, and commands to try. */
export const PlatformPage = () => {
  const links = usePlatformLinks();
  return (
    <Page title="What runs">
      <p className="-mt-3 mb-8 max-w-prose text-ink-soft text-lg">
        A shop whose every event is a row in the analytics and a better recommendation within seconds.
      </p>
      <div className="flex flex-col gap-12">
        <HealthSection links={links} />
        <Places links={links} />
        <Section title="What to try">
          <div className="grid grid-cols-[minmax(0,1fr)] gap-5 lg:grid-cols-2">
            {commandsFor(window.location.origin).map((each) => (
              <Pasted key={each.title} {...each} />
            ))}
          </div>
        </Section>
        <p className="text-ink-soft text-sm">Cartstream {links?.version} · Apache-2.0</p>
      </div>
    </Page>
  );
};

const Section = ({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) => (
  <section aria-label={title}>
    <h2 className="mb-4 flex flex-wrap items-baseline gap-3 font-display text-2xl sm:text-[1.7rem]">
      {title}
      {aside}
    </h2>
    {children}
  </section>
);

const toneOf = (status: string | undefined): string =>
  status === 'up'
    ? 'text-good'
    : status === 'degraded' || status === 'slow to answer'
      ? 'text-warn'
      : status === 'down' || status === 'away'
        ? 'text-bad'
        : 'text-ink-soft';

/** So long the gateway waits for a service, and for its own part of an engine; five milliseconds are for its clock. */
const waitedMsMin = { service: 2_495, engine: 1_995 } as const;

/** What did not answer in time may work all the same. */
const statusOf = (name: string, { status, latencyMs = 0 }: Part): string =>
  status === 'down' && latencyMs >= waitedMsMin[name in engineNames ? 'engine' : 'service']
    ? 'slow to answer'
    : status;

/** What the shop works without. */
const optionalParts = (links: PlatformLinks): readonly (readonly [name: string, state: string])[] =>
  (
    [
      ['Traces (Zipkin)', links.zipkinUrl, links.answers.zipkin],
      ['Mailbox', links.mailboxUrl, links.answers.mailbox],
      ['Prometheus', links.prometheusUrl, links.answers.prometheus],
    ] as const
  ).map(([name, url, answers]) => [
    name,
    url === null ? 'not set up' : answers === null ? 'not watched' : answers ? 'up' : notYet,
  ]);

const notYet = 'starting, or not running';

const HealthSection = ({ links }: { links: PlatformLinks | undefined }) => {
  const { data, isError } = useQuery({
    queryKey: ['health'],
    refetchInterval: everyMs,
    retry: false,
    // A platform that is down says so with 503, and in the same words.
    queryFn: async ({ signal }) => (await (await fetch('/health/ready', { signal })).json()) as Health,
  });
  const status = isError ? 'away' : data?.status;
  const optional = links === undefined ? [] : optionalParts(links);
  const isOptionalAway = optional.some(([, state]) => state === notYet);
  return (
    <Section
      title="Health"
      aside={
        <span role="status" className={classes('font-sans font-semibold text-base', toneOf(status))}>
          {status === 'up'
            ? isOptionalAway
              ? 'everything that the shop needs is up'
              : 'everything is up'
            : status === 'away'
              ? 'the gateway does not answer'
              : status}
        </span>
      }
    >
      {data === undefined ? (
        <Skeleton className="h-72 w-full" />
      ) : (
        <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3 xl:grid-cols-4">
          {Object.entries(data.dependencies).map(([name, part]) => (
            <PartCard key={name} name={engineNames[name] ?? name} status={statusOf(name, part)}>
              {part.latencyMs !== undefined && ` · ${Math.round(part.latencyMs)} ms`}
            </PartCard>
          ))}
          {optional.map(([name, state]) => (
            <PartCard key={name} name={`${name}, optional`} status={state} />
          ))}
        </ul>
      )}
    </Section>
  );
};

const PartCard = ({ name, status, children }: { name: string; status: string; children?: ReactNode }) => (
  <li className="flex flex-wrap items-baseline justify-between gap-x-3 rounded-xl border border-line bg-surface px-4 py-3">
    <span className="font-medium">{name}</span>
    <span className={classes('tabular text-sm', toneOf(status))}>
      {status}
      {children}
    </span>
  </li>
);

const toolPlaces = (links: PlatformLinks | undefined) => {
  const { zipkinUrl, prometheusUrl, mailboxUrl, answers } = links ?? {};
  const mail = 'What the shop has sent; none of it leaves this machine.';
  const tools = [
    [
      zipkinUrl && `${zipkinUrl}/zipkin/`,
      'Traces',
      'One order is one trace, through Kafka.',
      answers?.zipkin,
    ],
    [prometheusUrl, 'Prometheus', 'The history of the metrics.', answers?.prometheus],
    [mailboxUrl, 'Mailbox', mail, answers?.mailbox],
  ] as const;
  return tools.flatMap(([href, name, what, does]) => (href ? [[href, name, what, does] as const] : []));
};

const Places = ({ links }: { links: PlatformLinks | undefined }) => {
  const places: readonly (readonly [
    href: string,
    name: string,
    what: string,
    does?: boolean | null | undefined,
  ])[] = [
    ['/', 'The shop', 'What customers see.'],
    ['/dashboard', 'Dashboard', 'The figures of the shop, live.'],
    ['/admin', 'Admin', 'Orders, products, stock, and what is wrong now.'],
    ['/docs', 'HTTP interface', 'To read and to try. It begins with how to get started.'],
    ['/openapi.json', 'OpenAPI 3.1', 'The same as a file, generated from the schemas that validate.'],
    ['/asyncapi.json', 'AsyncAPI', 'The topics and events.'],
    ['/health/ready', 'Health', 'Of every service and engine, as JSON.'],
    ['/metrics', 'Metrics', 'Of the gateway, for Prometheus; each service has its own.'],
    ...toolPlaces(links),
  ];
  return (
    <Section title="Where to look">
      <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
        {places.map(([href, name, what, does]) => (
          <li key={href}>
            <a
              href={href}
              className="flex h-full flex-col rounded-xl border border-line bg-surface px-5 py-4 hover:border-line-strong hover:bg-sunken"
            >
              <span className="font-semibold text-action">{name}</span>
              <span className="text-[0.9375rem]">{what}</span>
              {does === false && <span className="text-sm text-warn">Does not answer now: {notYet}.</span>}
              <span className="mt-auto break-all pt-1 font-mono text-ink-soft text-xs">{href}</span>
            </a>
          </li>
        ))}
      </ul>
      <p className="mt-4 max-w-prose text-ink-soft">
        The dashboard and the admin pages ask for a login. The administrator’s address and password are in{' '}
        <code>run.json</code> in the folder of the data, <code>.local</code> unless another was named.
      </p>
    </Section>
  );
};

const Pasted = ({ title, lines }: { title: string; lines: string }) => {
  const [isCopied, setCopied] = useState(false);
  const copy = (): void => {
    navigator.clipboard?.writeText(lines).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <section aria-label={title} className="flex flex-col rounded-xl border border-line bg-surface">
      <div className="flex items-center justify-between gap-3 px-5 pt-3">
        <h3 className="font-semibold">{title}</h3>
        <Button size="small" look="quiet" onClick={copy}>
          {isCopied ? 'Copied' : 'Copy'}
          <span className="sr-only">: {title}</span>
        </Button>
      </div>
      <pre className="whitespace-pre-wrap break-words px-5 pt-2 pb-5 font-mono text-[0.8125rem] leading-relaxed">
        <code>{lines}</code>
      </pre>
    </section>
  );
};
