import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { NowPage } from './now/page.tsx';
import { texts } from './search.ts';
import { Shell } from './shell.tsx';

const root = createRootRoute({ component: Shell });
const at = <P extends string>(path: P) => ({ getParentRoute: () => root, path });

const now = createRoute({ ...at('/'), component: NowPage });
const orders = createRoute({
  ...at('/orders'),
  validateSearch: texts('status', 'q', 'userId', 'stuck'),
  component: lazyRouteComponent(() => import('./orders/list.tsx'), 'OrdersPage'),
});
const order = createRoute({
  ...at('/orders/$id'),
  component: lazyRouteComponent(() => import('./orders/order.tsx'), 'OrderPage'),
});
const deadLetters = createRoute({
  ...at('/dead-letters'),
  validateSearch: texts('topic', 'group', 'reason'),
  component: lazyRouteComponent(() => import('./dead-letters/page.tsx'), 'DeadLettersPage'),
});
const reconciliation = createRoute({
  ...at('/reconciliation'),
  component: lazyRouteComponent(() => import('./reconciliation/page.tsx'), 'ReconciliationPage'),
});

export const router = createRouter({
  basepath: '/admin',
  routeTree: root.addChildren([now, orders, order, deadLetters, reconciliation]),
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
