import { QueryClientProvider } from '@tanstack/react-query';
import { createRootRoute, createRouter, RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { query } from '../api/client.ts';
import { createQueryClient } from '../api/queries.ts';
import { applyTheme } from '../kit/theme.tsx';
import { Toasts } from '../kit/toast.tsx';

applyTheme();
const C = () => {
  const { data } = query.useQuery('get', '/api/products/featured');
  return <p>{data?.items.length}</p>;
};
const router = createRouter({ routeTree: createRootRoute({ component: C }) });
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={createQueryClient()}>
      <RouterProvider router={router} />
      <Toasts />
    </QueryClientProvider>
  </StrictMode>,
);
