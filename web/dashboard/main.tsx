import { QueryClientProvider } from '@tanstack/react-query';
import { createRootRoute, createRouter, RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createQueryClient } from '../api/queries.ts';
import { applyTheme } from '../kit/theme.tsx';
import { Toasts } from '../kit/toast.tsx';
import { Gate } from '../staff/gate.tsx';
import { DashboardPage } from './page.tsx';

applyTheme();

/** One page whose address is its question; which of its words are understood is for `questionIn`. */
const router = createRouter({
  basepath: '/dashboard',
  routeTree: createRootRoute({ component: DashboardPage }),
  scrollRestoration: true,
});

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={createQueryClient()}>
      <Gate app="Dashboard" roles={['admin', 'analyst']}>
        <RouterProvider router={router} />
      </Gate>
      <Toasts />
    </QueryClientProvider>
  </StrictMode>,
);
