import { useQuery } from '@tanstack/react-query';

type Links = { zipkinUrl: string | null; prometheusUrl: string | null; mailboxUrl: string | null };

/** Where the pages of other tools are; null where the gateway names none that this browser can reach. */
export const usePlatformLinks = (): Links | undefined =>
  useQuery({
    queryKey: ['platform links'],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => (await (await fetch('/platform/links.json')).json()) as Links,
  }).data;
