import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { api } from '../api/client.ts';
import { logOut, useUser } from '../api/login.ts';
import { classes } from '../kit/classes.ts';
import { Region } from '../kit/error-boundary.tsx';
import { SearchIcon } from '../kit/icons.tsx';
import { ThemeSwitch } from '../kit/theme.tsx';
import { useSignalStream, useSignals } from './now/signals.ts';

const pages = [
  { to: '/', name: 'Now' },
  { to: '/orders', name: 'Orders' },
  { to: '/dead-letters', name: 'Dead letters' },
  { to: '/reconciliation', name: 'Reconciliation' },
  { to: '/products', name: 'Products' },
  { to: '/stock', name: 'Stock' },
  { to: '/reviews', name: 'Reviews' },
  { to: '/recommendations', name: 'Recommendations' },
  { to: '/configuration', name: 'Configuration', isForAdmins: true },
  { to: '/users', name: 'Users', isForAdmins: true },
] as const;

export const Shell = () => {
  const user = useUser();
  const isAdmin = user?.roles.includes('admin') ?? false;
  useSignalStream();
  const { signals } = useSignals();
  const counts: Record<string, number> = {
    '/orders': signals?.stuckOrders?.count ?? 0,
    '/dead-letters': signals?.deadLetters?.waiting ?? 0,
  };
  return (
    <div className="grid min-h-dvh grid-cols-[minmax(0,1fr)] grid-rows-[auto_auto_1fr] lg:grid-cols-[13rem_minmax(0,1fr)] lg:grid-rows-[auto_1fr]">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:absolute focus:z-10 focus:bg-action focus:p-3 focus:text-action-ink"
      >
        Skip to the content
      </a>
      <header className="sticky top-0 z-10 flex flex-wrap items-center gap-x-4 gap-y-2 border-line border-b bg-surface px-4 py-2 lg:col-span-2">
        <Link to="/" className="whitespace-nowrap font-display text-xl">
          Cartstream <span className="text-ink-soft max-sm:sr-only">admin</span>
        </Link>
        <SearchBox />
        <div className="ml-auto flex items-center gap-1">
          <a href="/" className="rounded-lg px-3 py-3 text-sm hover:bg-sunken">
            Shop
          </a>
          <a href="/dashboard" className="rounded-lg px-3 py-3 text-sm hover:bg-sunken">
            Dashboard
          </a>
          <ThemeSwitch />
          <button
            type="button"
            onClick={() => void logOut()}
            title={user?.email}
            className="min-h-11 whitespace-nowrap rounded-lg px-3 text-sm hover:bg-sunken"
          >
            Log out
          </button>
        </div>
      </header>
      <nav
        aria-label="Admin"
        className="flex gap-1 overflow-x-auto border-line border-b bg-surface px-2 py-1 lg:sticky lg:top-15 lg:h-[calc(100dvh-3.75rem)] lg:flex-col lg:border-r lg:border-b-0 lg:px-3 lg:py-4"
      >
        {pages
          .filter((page) => isAdmin || !('isForAdmins' in page))
          .map(({ to, name }) => (
            <Link
              key={to}
              to={to}
              activeOptions={{ exact: to === '/' }}
              className="flex min-h-11 items-center justify-between gap-2 whitespace-nowrap rounded-lg px-3 text-sm hover:bg-sunken lg:min-h-10"
              activeProps={{ className: 'bg-action-wash font-semibold text-action', 'aria-current': 'page' }}
            >
              {name}
              {(counts[to] ?? 0) > 0 && (
                <span className="tabular rounded-full bg-bad-wash px-2 font-semibold text-bad text-xs">
                  {counts[to]}
                </span>
              )}
            </Link>
          ))}
      </nav>
      <main id="content" className={classes('min-w-0 p-4 lg:p-8')}>
        <Region>
          <Outlet />
        </Region>
      </main>
    </div>
  );
};

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/** The order that an id stands for: its own, or that of a payment of it. */
const orderIdOf = async (id: string): Promise<string> => {
  try {
    await api.GET('/api/orders/{id}', { params: { path: { id } } });
    return id;
  } catch {
    // The page of the order says what is wrong with an id that is no payment's either.
    const payment = await api.GET('/api/payments/{id}', { params: { path: { id } } }).catch(() => undefined);
    return payment?.data?.orderId ?? id;
  }
};

/** An order's id, or its payment's, opens it; the end of an id or a buyer's address finds orders. `/` reaches the field. */
const SearchBox = () => {
  const navigate = useNavigate();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = (event.target as HTMLElement).closest?.('input, textarea, select, dialog');
      if (event.key !== '/' || isTyping || event.metaKey || event.ctrlKey) return;
      event.preventDefault();
      field.current?.focus();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
  const search = (event: FormEvent): void => {
    event.preventDefault();
    const asked = text.trim();
    if (uuid.test(asked)) void orderIdOf(asked).then((id) => navigate({ to: '/orders/$id', params: { id } }));
    else if (asked !== '') void navigate({ to: '/orders', search: { q: asked } });
    setText('');
  };
  return (
    <search className="order-last w-full min-w-0 sm:order-none sm:w-auto sm:max-w-md sm:flex-1">
      <form onSubmit={search} className="relative">
        <SearchIcon size={16} className="absolute top-3.5 left-3 text-ink-soft" />
        <input
          ref={field}
          value={text}
          onChange={(event) => setText(event.target.value)}
          aria-label="Find an order by its id, the end of its id, its payment or the e-mail of its buyer"
          placeholder="Order id or e-mail  ( / )"
          className="min-h-11 w-full rounded-lg border border-line-strong bg-page pr-3 pl-9 text-sm placeholder:text-ink-soft"
        />
      </form>
    </search>
  );
};
