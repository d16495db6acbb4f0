import { QueryClient } from '@tanstack/react-query';
import { whenUserLeaves } from './login.ts';
import { ApiProblem, isPassing } from './problem.ts';

const triesMax = 3;
const waitMsMax = 15_000;

const askedToWaitMs = (error: unknown): number | undefined =>
  error instanceof ApiProblem ? error.retryAfterMs : undefined;

/**
 * One for each app. Only what may pass by itself is tried again, and not before the API allows it; who would have to wait
 * for longer reads why. What was answered to one user is gone before anybody else sees the page.
 */
export const createQueryClient = (): QueryClient => {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        gcTime: 10 * 60_000,
        retry: (failures, error) =>
          failures < triesMax && isPassing(error) && (askedToWaitMs(error) ?? 0) <= waitMsMax,
        retryDelay: (failures, error) => askedToWaitMs(error) ?? 400 * 2 ** failures,
        networkMode: 'always',
        refetchOnWindowFocus: false,
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
  whenUserLeaves(() => {
    client.removeQueries({ type: 'inactive' });
    for (const shown of client.getQueryCache().getAll()) shown.reset();
    client.getMutationCache().clear();
    // Once the page is that of the next user: what only the last one could see is not asked about again.
    setTimeout(() => void client.refetchQueries({ type: 'active' }));
  });
  return client;
};
