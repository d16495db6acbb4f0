import { createRootRoute, createRoute, createRouter, useRouter } from '@tanstack/react-router';
import { lazily } from '../api/page-script.ts';
import { PagePending, pendingMs } from '../kit/page-pending.tsx';
import { ProblemPanel } from '../kit/problem-panel.tsx';
import { PageTitle } from '../staff/page-title.tsx';
import { NowPage } from './now/page.tsx';
import { texts } from './search.ts';
import { Shell } from './shell.tsx';

const NotFound = () => (
  <PageTitle title="Nothing at this address" app="Admin">
    The page may have moved. The list beside it has all of them.
  </PageTitle>
);

const PageProblem = ({ error }: { error: unknown }) => {
  const { invalidate } = useRouter();
  return <ProblemPanel error={error} onRetry={() => void invalidate()} />;
};

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });
const at = <P extends string>(path: P) => ({ getParentRoute: () => root, path });

const now = createRoute({ ...at('/'), component: NowPage });
const orders = createRoute({
  ...at('/orders'),
  validateSearch: texts('status', 'q', 'userId', 'stuck'),
  component: lazily(() => import('./orders/list.tsx'), 'OrdersPage'),
});
const order = createRoute({
  ...at('/orders/$id'),
  component: lazily(() => import('./orders/order.tsx'), 'OrderPage'),
});
const deadLetters = createRoute({
  ...at('/dead-letters'),
  validateSearch: texts('topic', 'group', 'reason'),
  component: lazily(() => import('./dead-letters/page.tsx'), 'DeadLettersPage'),
});
const reconciliation = createRoute({
  ...at('/reconciliation'),
  component: lazily(() => import('./reconciliation/page.tsx'), 'ReconciliationPage'),
});
const products = createRoute({
  ...at('/products'),
  validateSearch: texts('q', 'category', 'sort'),
  component: lazily(() => import('./products/list.tsx'), 'ProductsPage'),
});
const newProduct = createRoute({
  ...at('/products/new'),
  component: lazily(() => import('./products/new-product.tsx'), 'NewProductPage'),
});
const product = createRoute({
  ...at('/products/$id'),
  component: lazily(() => import('./products/product.tsx'), 'ProductPage'),
});
const stock = createRoute({
  ...at('/stock'),
  validateSearch: texts('q', 'low'),
  component: lazily(() => import('./stock/page.tsx'), 'StockPage'),
});
const reviews = createRoute({
  ...at('/reviews'),
  validateSearch: texts('status'),
  component: lazily(() => import('./reviews/page.tsx'), 'ReviewsPage'),
});
const configuration = createRoute({
  ...at('/configuration'),
  validateSearch: texts('key', 'q'),
  component: lazily(() => import('./configuration/page.tsx'), 'ConfigurationPage'),
});
const users = createRoute({
  ...at('/users'),
  validateSearch: texts('email'),
  component: lazily(() => import('./users/page.tsx'), 'UsersPage'),
});

const recommendations = createRoute({
  ...at('/recommendations'),
  validateSearch: texts('scenario', 'userId', 'visitId', 'productId'),
  component: lazily(() => import('./recommendation-rules/page.tsx'), 'RecommendationRulesPage'),
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
  defaultErrorComponent: PageProblem,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
