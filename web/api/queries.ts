import { QueryClient } from '@tanstack/react-query';
import { ApiProblem, isPassing } from './problem.ts';

const triesMax = 3;
const waitMsMax = 15_000;

/** One for each app. Only what may pass by itself is tried again, and not before the API allows it. */
export const createQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        gcTime: 10 * 60_000,
        retry: (failures, error) => failures < triesMax && isPassing(error),
        retryDelay: (failures, error) =>
          Math.min(
            waitMsMax,
            error instanceof ApiProblem && error.retryAfterMs !== undefined
              ? error.retryAfterMs
              : 400 * 2 ** failures,
          ),
        networkMode: 'always',
        refetchOnWindowFocus: false,
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
