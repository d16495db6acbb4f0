import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api, query } from '../../api/client.ts';
import { usePlatformLinks } from '../../api/platform-links.ts';
import { useNow } from '../../kit/freshness.tsx';
import { CopyText, ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { When } from '../../kit/when.tsx';
import { Price } from '../../money/price.tsx';
import { type Saga, sagaOf } from '../../saga/saga.ts';
import { useLive } from '../../staff/live.ts';
import { PageTitle } from '../../staff/page-title.tsx';
import { Acts } from './acts.tsx';
import { EventList } from './event-list.tsx';
import { Facts } from './facts.tsx';
import { messagesOf } from './messages.ts';
import { answeredOf, isKnown, type Order } from './order-answers.ts';
import { Timeline } from './timeline.tsx';
import { VerdictPanel } from './verdict-panel.tsx';

const settlingEveryMs = 1_000;
const quietEveryMs = 15_000;

/** One order whole: what has happened to it, what is missing, what it holds, and what can be done. */
export const OrderPage = () => {
  const { id } = useParams({ from: '/orders/$id' });
  return <OrderWithId key={id} id={id} />;
};

const OrderWithId = ({ id }: { id: string }) => {
  const found = useOrder(id);
  const [selected, select] = useState<string>();
  const { order, timeline, saga, nowMs } = found;
  const failed = [order, timeline].find(({ error }) => error !== null);
  const problem = failed && <ProblemPanel error={failed.error} onRetry={found.refresh} />;
  if (order.data === undefined || saga === undefined) return problem ?? <OrderSkeleton id={id} />;
  const { payment } = found;
  // Only a payment that is known has a history that is asked for.
  const history = isKnown(payment) ? answeredOf(found.history, (all) => all) : payment;
  const correlationId = timeline.data?.items.find((event) => event.correlationId)?.correlationId;
  return (
    <>
      <PageTitle
        title={`Order ${id.slice(-8)}`}
        app="Admin"
        aside={<Acts order={order.data} saga={saga} payment={payment} onDone={found.awaitEvent} />}
      >
        <span className="flex flex-wrap items-center gap-x-3">
          <Price money={order.data.total} className="font-semibold text-ink" />
          <span>
            placed <When time={order.data.createdAt} as="second" />
          </span>
          <CopyText text={id} label="Order" />
          {correlationId && <CopyText text={correlationId} label="Correlation" />}
          <TraceLink traceId={timeline.data?.items.find((event) => event.traceId)?.traceId} />
        </span>
      </PageTitle>
      <div className="flex flex-col gap-6">
        {/* What was known stays, and so does what somebody is typing into a dialog. */}
        {problem}
        <VerdictPanel
          saga={saga}
          nowMs={nowMs}
          events={timeline.data?.items ?? []}
          messages={found.messages.data?.filter(({ status }) => status === 'sent').length ?? null}
        />
        <Timeline saga={saga} nowMs={nowMs} selected={selected} onSelect={select} />
        <Facts
          order={order.data}
          payment={payment}
          history={history}
          messages={answeredOf(found.messages, (all) => all)}
        />
        <EventList saga={saga} selected={selected} onSelect={select} />
      </div>
    </>
  );
};

const isSettling = (saga: Saga | undefined): boolean =>
  saga?.due.some(({ what }) => what !== 'shipment' && what !== 'delivery') ?? true;

/** A service that was away is asked again, because nothing else would happen when it is back. */
const untilAnswered = ({ state }: { state: { status: string } }): number | false =>
  state.status === 'error' && quietEveryMs;

/** The order and all that other services have of it, asked for again often while something is under way. */
const useOrder = (id: string) => {
  const nowMs = useNow();
  const params = { path: { id } };
  const [awaited, setAwaited] = useState<{ behind: number; untilMs: number }>();
  const timeline = query.useQuery(
    'get',
    '/api/orders/{id}/timeline',
    { params },
    {
      refetchInterval: ({ state: { data } }) => {
        const isAwaited = data?.items.length === awaited?.behind && Date.now() < (awaited?.untilMs ?? 0);
        return data && !isAwaited && !isSettling(sagaOf(data.items, Date.now()))
          ? quietEveryMs
          : settlingEveryMs;
      },
    },
  );
  const version = timeline.data?.items.length;
  const order = query.useQuery('get', '/api/orders/{id}', { params });
  const payments = query.useQuery(
    'get',
    '/api/payments',
    { params: { query: { orderId: id, limit: 1 } } },
    { refetchInterval: untilAnswered },
  );
  const payment = answeredOf(payments, ({ items }) => items[0]);
  const paymentId = isKnown(payment) ? payment.id : undefined;
  const history = useQuery({
    queryKey: ['payment history', paymentId, version],
    enabled: paymentId !== undefined,
    placeholderData: keepPreviousData,
    refetchInterval: untilAnswered,
    queryFn: async () =>
      (await api.GET('/api/payments/{id}/history', { params: { path: { id: paymentId ?? '' } } })).data ??
      null,
  });
  const placed = timeline.data?.items.find(({ type }) => type === 'OrderPlaced');
  const messages = useQuery({
    queryKey: ['messages', id, version],
    enabled: order.data !== undefined && version !== undefined,
    retry: 1,
    placeholderData: keepPreviousData,
    queryFn: () =>
      messagesOf(
        order.data as Order,
        typeof placed?.data.userId === 'string' ? placed.data.userId : undefined,
      ),
  });
  const refresh = (): void => {
    for (const each of [timeline, order, payments, history, messages]) void each.refetch();
  };
  // What staff ask for is an event some time after the answer, and a confirmed order has no stream to say so.
  const awaitEvent = (): void => {
    setAwaited({ behind: version ?? 0, untilMs: Date.now() + quietEveryMs });
    refresh();
  };
  // A new event changes what the other services have, a moment later.
  const [seen, setSeen] = useState(version);
  if (version !== seen) {
    setSeen(version);
    if (seen !== undefined) queueMicrotask(() => [order, payments].forEach((each) => void each.refetch()));
  }
  useLive([`orders.${id}`], ({ type }) => type.startsWith('orders.') && void timeline.refetch());
  const givesUpAt = order.data?.givesUpAt;
  const givesUpAtMs = givesUpAt === undefined ? null : Date.parse(givesUpAt);
  const saga = timeline.data === undefined ? undefined : sagaOf(timeline.data.items, nowMs, { givesUpAtMs });
  return { nowMs, timeline, order, payment, history, messages, saga, refresh, awaitEvent };
};

/** Only where the gateway says that Zipkin has a page that this browser can reach. */
const TraceLink = ({ traceId }: { traceId: string | null | undefined }) => {
  const links = usePlatformLinks();
  if (!traceId || !links?.zipkinUrl) return null;
  return (
    <a
      href={`${links.zipkinUrl}/zipkin/traces/${traceId}`}
      target="_blank"
      rel="noreferrer"
      className="text-action text-sm underline"
    >
      Trace in Zipkin ↗
    </a>
  );
};

const OrderSkeleton = ({ id }: { id: string }) => (
  <>
    <PageTitle title={`Order ${id.slice(-8)}`} app="Admin">
      <Skeleton className="h-5 w-72" />
    </PageTitle>
    <div className="flex flex-col gap-6">
      <Skeleton className="h-28 w-full" />
      <Skeleton className="h-56 w-full" />
      <Skeleton className="h-40 w-full" />
      <p>
        <Link to="/orders" className="text-action text-sm underline">
          All orders
        </Link>
      </p>
    </div>
  </>
);
