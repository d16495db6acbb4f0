import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { openToGuests } from '../api/client.ts';
import { createQueryClient } from '../api/queries.ts';
import { applyTheme } from '../kit/theme.tsx';
import { followOtherTabs } from './cart/use-cart.ts';
import { router } from './routes.tsx';

applyTheme();
openToGuests();
const client = createQueryClient();
followOtherTabs(client);
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
