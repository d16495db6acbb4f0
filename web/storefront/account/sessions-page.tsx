import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, query } from '../../api/client.ts';
import { Button } from '../../kit/button.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { When } from '../../kit/when.tsx';

const path = '/api/auth/sessions' as const;

/** `Chrome on Linux`: enough for the owner to recognise it. */
const deviceWords = (userAgent: string | null): string => {
  if (userAgent === null) return 'Unknown program';
  const browser = /(Edg|OPR|Firefox|Chrome|Safari)\//.exec(userAgent)?.[1] ?? userAgent.split(/[/ ]/)[0];
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(userAgent)?.[1];
  const name = browser === 'Edg' ? 'Edge' : browser === 'OPR' ? 'Opera' : browser;
  return system ? `${name} on ${system}` : (name ?? userAgent);
};

export const SessionsPage = () => {
  const { data, error, refetch } = query.useQuery('get', path);
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: ['get', path] });
  const ending = useMutation({
    mutationFn: (id: string) => api.DELETE('/api/auth/sessions/{id}', { params: { path: { id } } }),
    onSettled: refresh,
  });
  if (data === undefined)
    return error ? (
      <ProblemPanel error={error} onRetry={() => void refetch()} />
    ) : (
      <Skeleton className="h-40" />
    );
  return (
    <>
      {ending.isError && <ProblemPanel error={ending.error} isSmall />}
      <ul className="divide-y divide-line rounded-2xl border border-line bg-surface px-6">
        {data.items.map(({ id, userAgent, lastUsedAt, current }) => (
          <li key={id} className="flex flex-wrap items-center justify-between gap-3 py-4">
            <span>
              <strong className="font-semibold">{deviceWords(userAgent)}</strong>
              <span className="block text-ink-soft text-sm">
                {current ? (
                  'This browser'
                ) : (
                  <>
                    Last used <When time={lastUsedAt} as="ago" />
                  </>
                )}
              </span>
            </span>
            {!current && (
              <Button look="secondary" onClick={() => ending.mutate(id)}>
                End this session
              </Button>
            )}
          </li>
        ))}
      </ul>
    </>
  );
};
