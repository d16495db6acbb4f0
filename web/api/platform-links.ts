import { useQuery } from '@tanstack/react-query';

export type PlatformLinks = {
  version: string;
  zipkinUrl: string | null;
  prometheusUrl: string | null;
  mailboxUrl: string | null;
  /** Whether each of them answers; null where the gateway cannot ask. */
  answers: Record<'zipkin' | 'prometheus' | 'mailbox', boolean | null>;
};

const againMs = 5_000;

/**
 * The platform's version, and where the pages of other tools are; null where the gateway names none that this browser can
 * reach. Asked again while one of them does not answer, which may still be starting.
 */
export const usePlatformLinks = (): PlatformLinks | undefined =>
  useQuery<PlatformLinks>({
    queryKey: ['platform links'],
    staleTime: 30_000,
    refetchInterval: ({ state }) =>
      Object.values(state.data?.answers ?? {}).includes(false) ? againMs : false,
    queryFn: async ({ signal }) =>
      (await (await fetch('/platform/links.json', { signal })).json()) as PlatformLinks,
  }).data;
