import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { PagePending, pendingMs } from '../kit/page-pending.tsx';
import { PageTitle } from '../staff/page-title.tsx';
import { NowPage } from './now/page.tsx';
import { texts } from './search.ts';
import { Shell } from './shell.tsx';

const NotFound = () => (
  <PageTitle title="Nothing at this address" app="Admin">
    The page may have moved. The list beside it has all of them.
  </PageTitle>
);

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });
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
const products = createRoute({
  ...at('/products'),
  validateSearch: texts('q', 'category', 'sort'),
  component: lazyRouteComponent(() => import('./products/list.tsx'), 'ProductsPage'),
});
const newProduct = createRoute({
  ...at('/products/new'),
  component: lazyRouteComponent(() => import('./products/new-product.tsx'), 'NewProductPage'),
});
const product = createRoute({
  ...at('/products/$id'),
  component: lazyRouteComponent(() => import('./products/product.tsx'), 'ProductPage'),
});
const stock = createRoute({
  ...at('/stock'),
  validateSearch: texts('q', 'low'),
  component: lazyRouteComponent(() => import('./stock/page.tsx'), 'StockPage'),
});
const reviews = createRoute({
  ...at('/reviews'),
  validateSearch: texts('status'),
  component: lazyRouteComponent(() => import('./reviews/page.tsx'), 'ReviewsPage'),
});
const configuration = createRoute({
  ...at('/configuration'),
  validateSearch: texts('key', 'q'),
  component: lazyRouteComponent(() => import('./configuration/page.tsx'), 'ConfigurationPage'),
});
const users = createRoute({
  ...at('/users'),
  validateSearch: texts('email'),
  component: lazyRouteComponent(() => import('./users/page.tsx'), 'UsersPage'),
});

const recommendations = createRoute({
  ...at('/recommendations'),
  validateSearch: texts('scenario', 'userId', 'visitId', 'productId'),
  component: lazyRouteComponent(() => import('./recommendation-rules/page.tsx'), 'RecommendationRulesPage'),
});

export const router = createRouter({
  basepath: '/admin',
  routeTree: root.addChildren([
    now,
    orders,
    order,
    deadLetters,
    reconciliation,
    products,
    newProduct,
    product,
    stock,
    reviews,
    configuration,
    users,
    recommendations,
  ]),
  defaultPreload: 'intent',
  scrollRestoration: true,
  defaultPendingComponent: PagePending,
  defaultPendingMs: pendingMs,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
