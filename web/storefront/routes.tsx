import { createRootRoute, createRoute, createRouter, redirect } from '@tanstack/react-router';
import { userNow } from '../api/login.ts';
import { lazily } from '../api/page-script.ts';
import { PagePending, pendingMs } from '../kit/page-pending.tsx';
import { HomePage } from './home/page.tsx';
import { filtersOf } from './listing/filters.ts';
import { NotFound } from './shell/not-found.tsx';
import { PageProblem } from './shell/page-problem.tsx';
import { Shell } from './shell/shell.tsx';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: PageProblem });

/** The question stands in the address, so that a link, a reload and Back show the same. */
const page = <const P extends string, Exports>(
  path: P,
  load: () => Promise<Exports>,
  name: keyof Exports & string,
) =>
  createRoute({
    getParentRoute: () => root,
    path,
    validateSearch: (search: Record<string, unknown>) => search,
    component: lazily(load, name),
  });

const home = createRoute({ getParentRoute: () => root, path: '/', component: HomePage });
const product = page('/products/$productId', () => import('./product/page.tsx'), 'ProductPage');
const category = createRoute({
  getParentRoute: () => root,
  path: '/categories/$',
  validateSearch: filtersOf,
  component: lazily(() => import('./listing/page.tsx'), 'CategoryPage'),
});
const search = createRoute({
  getParentRoute: () => root,
  path: '/search',
  validateSearch: filtersOf,
  component: lazily(() => import('./search/page.tsx'), 'SearchPage'),
});
const everything = createRoute({
  getParentRoute: () => root,
  path: '/products',
  validateSearch: filtersOf,
  component: lazily(() => import('./listing/page.tsx'), 'EverythingPage'),
});
const cart = page('/cart', () => import('./cart/page.tsx'), 'CartPage');
const checkout = page('/checkout', () => import('./checkout/page.tsx'), 'CheckoutPage');
const orders = page('/orders', () => import('./order/your-orders-page.tsx'), 'YourOrdersPage');
const order = page('/orders/$orderId', () => import('./order/page.tsx'), 'OrderPage');
const returning = page('/orders/$orderId/return', () => import('./returns/page.tsx'), 'ReturnPage');
const login = page('/login', () => import('./login/page.tsx'), 'LoginPage');
const register = page('/register', () => import('./login/page.tsx'), 'RegisterPage');
const reset = page('/reset-password', () => import('./login/reset-page.tsx'), 'ResetPasswordPage');
const verify = page('/verify-email', () => import('./login/verify-page.tsx'), 'VerifyEmailPage');
const platform = page('/platform', () => import('./platform/page.tsx'), 'PlatformPage');
const account = createRoute({
  getParentRoute: () => root,
  path: '/account',
  beforeLoad: ({ location }) => {
    if (userNow() === undefined) throw redirect({ to: '/login', search: { next: location.href } });
  },
  component: lazily(() => import('./account/layout.tsx'), 'AccountLayout'),
});
const accountPage = <const P extends string, Exports>(
  path: P,
  load: () => Promise<Exports>,
  name: keyof Exports & string,
) =>
  createRoute({
    getParentRoute: () => account,
    path,
    component: lazily(load, name),
  });
const accountPages = [
  accountPage('/', () => import('./account/orders-page.tsx'), 'OrdersPage'),
  accountPage('/addresses', () => import('./account/addresses-page.tsx'), 'AddressesPage'),
  accountPage('/sessions', () => import('./account/sessions-page.tsx'), 'SessionsPage'),
  accountPage('/preferences', () => import('./account/preferences-page.tsx'), 'PreferencesPage'),
  accountPage('/data', () => import('./account/data-page.tsx'), 'DataPage'),
] as const;

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    product,
    category,
    search,
    everything,
    cart,
    checkout,
    orders,
    order,
    returning,
    login,
    register,
    reset,
    verify,
    platform,
    account.addChildren(accountPages),
  ]),
  defaultPreload: 'intent',
  defaultPreloadDelay: 80,
  scrollRestoration: true,
  defaultPendingComponent: PagePending,
  defaultPendingMs: pendingMs,
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: PageProblem,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
