import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { DataTable } from '../../kit/data-table.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { When } from '../../kit/when.tsx';
import { Price } from '../../money/price.tsx';
import { PageTitle } from '../../staff/page-title.tsx';
import { Paged } from '../paged.tsx';
import { usePages } from '../pages.ts';

type Order = components['schemas']['Order'];

/** No order is seen as `paid`, which it is only within the transaction that confirms it. */
const statuses = [
  'pending',
  'reserved',
  'confirmed',
  'shipped',
  'delivered',
  'returned',
  'cancelled',
] as const;

type Status = (typeof statuses)[number];

/** Orders by status, by buyer, or the stuck ones; the address holds the question. */
export const OrdersPage = () => {
  const asked = useSearch({ from: '/orders' });
  const navigate = useNavigate();
  const show = (search: typeof asked): void => void navigate({ to: '/orders', search });
  return (
    <>
      <PageTitle title="Orders" app="Admin">
        {asked.q ? `Found for “${asked.q}”` : asked.userId ? 'Of one buyer' : 'Newest first.'}
      </PageTitle>
      <div className="mb-4 flex flex-wrap gap-2">
        <Chip isOn={!asked.status && !asked.stuck} onPress={() => show({})}>
          All
        </Chip>
        <Chip isOn={asked.stuck === 'true'} onPress={() => show({ stuck: 'true' })}>
          Stuck
        </Chip>
        {statuses.map((status) => (
          <Chip
            key={status}
            isOn={asked.status === status}
            onPress={() => show({ ...(asked.userId ? { userId: asked.userId } : {}), status })}
          >
            {status}
          </Chip>
        ))}
      </div>
      {asked.q ? (
        <Found text={asked.q} />
      ) : asked.stuck ? (
        <Stuck />
      ) : (
        <List status={asked.status as Status | undefined} userId={asked.userId} />
      )}
    </>
  );
};

const Chip = ({ isOn, onPress, children }: { isOn: boolean; onPress(): void; children: string }) => (
  <button
    type="button"
    aria-pressed={isOn}
    onClick={onPress}
    className={classes(
      'min-h-9 rounded-full border px-4 text-sm',
      isOn ? 'border-action bg-action-wash font-semibold text-action' : 'border-line-strong hover:bg-sunken',
    )}
  >
    {children}
  </button>
);

const List = ({ status, userId }: { status: Status | undefined; userId: string | undefined }) => {
  const list = usePages<Order>(
    ['orders', status, userId],
    async (cursor) => {
      const query = {
        limit: 50,
        ...(cursor && { cursor }),
        ...(status && { status }),
        ...(userId && { userId }),
      };
      return (await api.GET('/api/orders', { params: { query } })).data;
    },
    { isFresh: true },
  );
  return (
    <Paged list={list}>
      <Orders rows={list.rows} isLoading={list.isLoading} isDimmed={list.isDimmed} />
    </Paged>
  );
};

const uuid = /^[\da-f]{8}-/i;

const shortId = /^[\da-f]{8}$/i;

/**
 * An id is a payment's, and eight characters are the end of an order's. Anything else is taken for an e-mail address: that of
 * an account, which only admins look up, or that of a guest.
 */
const Found = ({ text }: { text: string }) => {
  const isAdmin = useUser()?.roles.includes('admin') === true;
  const found = useQuery({
    queryKey: ['find orders', text],
    queryFn: async (): Promise<{ orders: Order[]; users: components['schemas']['User'][] }> => {
      if (uuid.test(text)) {
        const { data } = await api.GET('/api/payments/{id}', { params: { path: { id: text } } });
        const order =
          data && (await api.GET('/api/orders/{id}', { params: { path: { id: data.orderId } } })).data;
        return { orders: order ? [order] : [], users: [] };
      }
      if (shortId.test(text)) return { users: [], orders: await ordersOf({ shortId: text }) };
      const found = isAdmin
        ? await api.GET('/api/users', { params: { query: { email: text, limit: 20 } } })
        : undefined;
      const users = found?.data?.items ?? [];
      // A part of an address finds accounts, and only a whole one a guest's orders.
      const ofGuest = text.includes('@') ? ordersOf({ email: text }) : [];
      const lists = await Promise.all([
        ofGuest,
        ...users.slice(0, 5).map(({ id }) => ordersOf({ userId: id })),
      ]);
      // An account may have ordered with its address, too.
      return { users, orders: [...new Map(lists.flat().map((order) => [order.id, order])).values()] };
    },
  });
  if (found.error) return <ProblemPanel error={found.error} onRetry={() => void found.refetch()} />;
  return (
    <>
      {found.data && found.data.users.length > 0 && (
        <p className="mb-3 text-ink-soft text-sm">
          {found.data.users.map(({ id, email }) => (
            <Link key={id} to="/orders" search={{ userId: id }} className="mr-4 text-action underline">
              {email}
            </Link>
          ))}
        </p>
      )}
      <Orders rows={found.data?.orders ?? []} isLoading={found.isPending} isDimmed={false} />
      {!isAdmin && (
        <p className="mt-3 text-ink-soft text-sm">
          By e-mail only the orders of guests are found: admins look for accounts. The link to an order, which
          is in every message about it, ends with its id.
        </p>
      )}
    </>
  );
};

const ordersOf = async (of: { userId: string } | { email: string } | { shortId: string }): Promise<Order[]> =>
  (await api.GET('/api/orders', { params: { query: { ...of, limit: 20 } } })).data?.items ?? [];

const Stuck = () => {
  const list = usePages<components['schemas']['Saga']>(
    ['stuck'],
    async (cursor) =>
      (
        await api.GET('/api/ops/sagas', {
          params: { query: { stuck: 'true', limit: 50, ...(cursor && { cursor }) } },
        })
      ).data,
    { isFresh: true },
  );
  return (
    <Paged list={list}>
      <DataTable
        caption="Stuck orders"
        rows={list.rows}
        rowKey={({ orderId }) => orderId}
        isLoading={list.isLoading}
        empty="No order is stuck."
        columns={[
          { key: 'id', head: 'Order', cell: ({ orderId }) => <OrderLink id={orderId} /> },
          { key: 'status', head: 'Status', cell: ({ status }) => status },
          { key: 'sentence', head: 'What it waits for', cell: ({ sentence }) => sentence },
          { key: 'since', head: 'Last event', isSecondary: true, cell: ({ since }) => <When time={since} /> },
          {
            key: 'open',
            head: <span className="sr-only">Open</span>,
            cell: ({ orderId }) => (
              <Link to="/orders/$id" params={{ id: orderId }}>
                <Button look="secondary" size="small" tabIndex={-1}>
                  Repair
                </Button>
              </Link>
            ),
          },
        ]}
      />
    </Paged>
  );
};

const OrderLink = ({ id }: { id: string }) => (
  <Link to="/orders/$id" params={{ id }} className="font-mono font-semibold text-action hover:underline">
    {id.slice(-8)}
  </Link>
);

const looks: Readonly<Record<string, string>> = {
  cancelled: 'bg-bad-wash text-bad',
  returned: 'bg-warn-wash text-warn',
  confirmed: 'bg-good-wash text-good',
  shipped: 'bg-good-wash text-good',
  delivered: 'bg-good-wash text-good',
};

const Orders = ({
  rows,
  isLoading,
  isDimmed,
}: {
  rows: readonly Order[];
  isLoading: boolean;
  isDimmed: boolean;
}) => (
  <DataTable
    caption="Orders"
    rows={rows}
    rowKey={({ id }) => id}
    isLoading={isLoading}
    isDimmed={isDimmed}
    empty="No order answers to that."
    columns={[
      { key: 'id', head: 'Order', cell: ({ id }) => <OrderLink id={id} /> },
      {
        key: 'status',
        head: 'Status',
        cell: ({ status, reason }) => (
          <span
            className={classes(
              'inline-block rounded-xl px-2.5 py-0.5 text-xs sm:whitespace-nowrap',
              looks[status] ?? 'bg-action-wash text-action',
            )}
          >
            {status}
            {reason && `: ${reason.replaceAll('_', ' ')}`}
          </span>
        ),
      },
      { key: 'total', head: 'Total', isNumber: true, cell: ({ total }) => <Price money={total} /> },
      {
        key: 'payment',
        head: 'Payment',
        isSecondary: true,
        cell: ({ payment }) => `${payment.method}, ${payment.status.replaceAll('_', ' ')}`,
      },
      {
        key: 'goods',
        head: 'Goods',
        isSecondary: true,
        cell: ({ items }) => (
          <span className="line-clamp-1 max-w-72">
            {items
              .map(({ name, quantity, returned }) =>
                returned > 0 ? `${quantity} × ${name} (${returned} returned)` : `${quantity} × ${name}`,
              )
              .join(', ')}
          </span>
        ),
      },
      { key: 'buyer', head: 'To', isSecondary: true, cell: ({ shippingAddress }) => shippingAddress.name },
      { key: 'placed', head: 'Placed', cell: ({ createdAt }) => <When time={createdAt} /> },
    ]}
  />
);
