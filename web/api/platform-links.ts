import { useQuery } from '@tanstack/react-query';

export type PlatformLinks = {
  version: string;
  zipkinUrl: string | null;
  prometheusUrl: string | null;
  mailboxUrl: string | null;
};

/** The platform's version, and where the pages of other tools are; null where the gateway names none that this browser can reach. */
export const usePlatformLinks = (): PlatformLinks | undefined =>
  useQuery({
    queryKey: ['platform links'],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) =>
      (await (await fetch('/platform/links.json', { signal })).json()) as PlatformLinks,
  }).data;
