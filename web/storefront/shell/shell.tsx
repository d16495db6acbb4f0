import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { useUser } from '../../api/login.ts';
import { Region } from '../../kit/error-boundary.tsx';
import { BasketIcon, PersonIcon } from '../../kit/icons.tsx';
import { ThemeSwitch } from '../../kit/theme.tsx';
import { Toasts } from '../../kit/toast.tsx';
import { plural } from '../../words/words.ts';
import { CartDrawer } from '../cart/drawer.tsx';
import { useCart } from '../cart/use-cart.ts';
import { useCategories } from '../catalogue/categories.ts';
import { ConnectionBanner } from './connection-banner.tsx';
import { SearchBox } from './search-box.tsx';

/** What stands around every page. At the checkout there is no way to get lost: no search, no shelves. */
export const Shell = () => {
  const isCheckout = useRouterState({ select: ({ location }) => location.pathname === '/checkout' });
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-lg focus:bg-action focus:px-4 focus:py-3 focus:text-action-ink"
      >
        Skip to the content
      </a>
      <ConnectionBanner />
      {isCheckout ? <PlainHeader /> : <Header />}
      <main id="content" className="flex-1">
        <Region>
          <Outlet />
        </Region>
      </main>
      {!isCheckout && <Footer />}
      <CartDrawer />
      <Toasts />
    </div>
  );
};

const Mark = () => (
  <Link to="/" className="flex items-center gap-2 rounded-lg">
    <svg aria-hidden="true" viewBox="0 0 32 32" className="size-8">
      <rect width="32" height="32" rx="9" className="fill-action" />
      <path d="M7 12.5h18l-2 9.5a2.5 2.5 0 01-2.5 2h-9A2.5 2.5 0 019 22z" className="fill-accent" />
      <path
        d="M11 12.5L14.5 6M21 12.5L17.5 6"
        className="stroke-action-ink"
        strokeWidth="2"
        strokeLinecap="round"
      />
    </svg>
    <span className="font-display text-xl tracking-tight max-[25rem]:sr-only">Cartstream</span>
  </Link>
);

const PlainHeader = () => (
  <header className="border-line border-b bg-surface">
    <div className="mx-auto flex h-16 max-w-7xl items-center justify-between px-4 sm:px-6">
      <Mark />
      <Link to="/cart" className="flex min-h-11 items-center text-action underline underline-offset-4">
        Back to the cart
      </Link>
    </div>
  </header>
);

const Header = () => {
  const user = useUser();
  return (
    <header className="border-line border-b bg-surface">
      <div className="mx-auto grid max-w-7xl grid-cols-[1fr_auto] items-center gap-x-4 px-4 py-2 sm:px-6 md:grid-cols-[auto_1fr_auto]">
        <Mark />
        <div className="order-last col-span-2 pb-2 md:order-none md:col-span-1 md:px-6 md:pb-0">
          <SearchBox />
        </div>
        <div className="flex items-center">
          <ThemeSwitch />
          <Link
            to={user ? '/account' : '/login'}
            className="flex min-h-11 items-center gap-2 rounded-lg px-3 hover:bg-sunken"
          >
            <PersonIcon />
            <span className="sr-only text-sm sm:not-sr-only">
              {user ? user.name.split(' ')[0] : 'Log in'}
            </span>
          </Link>
          <CartLink />
        </div>
      </div>
      <CategoryBar />
    </header>
  );
};

const CartLink = () => {
  const pieces = useCart().cart?.pieces ?? 0;
  return (
    <Link
      to="/cart"
      aria-label={`Cart, ${plural(pieces, { one: '{count} item', other: '{count} items' })}`}
      className="relative flex min-h-11 items-center gap-2 rounded-lg px-3 hover:bg-sunken"
    >
      <BasketIcon size={22} />
      <span
        aria-hidden="true"
        className="tabular min-w-6 rounded-full bg-accent px-1.5 text-center font-semibold text-accent-ink text-sm leading-6"
      >
        {pieces}
      </span>
    </Link>
  );
};

const placeholders = ['w-16', 'w-20', 'w-14', 'w-24', 'w-16', 'w-20', 'w-16', 'w-14'];

/** The roots of the tree, in one line that scrolls. */
const CategoryBar = () => {
  const { data, isError } = useCategories();
  if (isError) return null;
  return (
    <nav aria-label="Categories" className="mx-auto max-w-7xl px-4 sm:px-6">
      <ul className="-mx-4 flex h-12 items-center gap-1 overflow-x-auto px-3 [scrollbar-width:none] sm:mx-0 sm:px-0">
        {data === undefined
          ? placeholders.map((width, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity and never move.
              <li key={place} className={`skeleton mx-2 h-4 shrink-0 ${width}`} />
            ))
          : [
              <li key="all">
                <Link
                  to="/products"
                  activeOptions={{ exact: true, includeSearch: false }}
                  className={categoryLink}
                  activeProps={{ className: 'text-ink bg-sunken' }}
                >
                  Everything
                </Link>
              </li>,
              ...data.items.map(({ path, name }) => (
                <li key={path}>
                  <Link
                    to="/categories/$"
                    params={{ _splat: path }}
                    className={categoryLink}
                    activeProps={{ className: 'text-ink bg-sunken' }}
                  >
                    {name}
                  </Link>
                </li>
              )),
            ]}
      </ul>
    </nav>
  );
};

const categoryLink =
  'flex min-h-11 items-center whitespace-nowrap rounded-lg px-3 font-medium text-[0.9375rem] text-ink-soft hover:text-ink';

const Footer = () => (
  <footer className="border-line border-t bg-surface">
    <div className="mx-auto flex max-w-7xl flex-wrap items-center justify-between gap-x-8 gap-y-3 px-4 py-8 text-ink-soft text-sm sm:px-6">
      <p>
        Cartstream is a shop to look inside: every view, order and return is an event. Nothing here is sold or
        charged.
      </p>
      <ul className="flex flex-wrap gap-x-5">
        {[
          ['/dashboard', 'Live figures'],
          ['/admin', 'Admin'],
          ['/platform', 'What runs'],
          ['/docs', 'API'],
        ].map(([href, text]) => (
          <li key={href}>
            <a href={href} className="flex min-h-11 items-center underline underline-offset-4 hover:text-ink">
              {text}
            </a>
          </li>
        ))}
      </ul>
    </div>
  </footer>
);
