import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createQueryClient } from '../api/queries.ts';
import { applyTheme } from '../kit/theme.tsx';
import { Toasts } from '../kit/toast.tsx';
import { Shell } from './shell.tsx';

applyTheme();
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={createQueryClient()}>
      <Shell />
      <Toasts />
    </QueryClientProvider>
  </StrictMode>,
);
