import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, query } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { showToast } from '../../kit/toast.tsx';

type Preferences = components['schemas']['NotificationPreferences'];

const path = '/api/users/me/notification-preferences' as const;
const groups: readonly {
  title: string;
  choices: readonly (readonly [keyof Preferences, string, string])[];
}[] = [
  {
    title: 'About what',
    choices: [
      ['orders', 'Orders', 'Confirmations, shipments, refunds'],
      ['stock', 'Back in stock', 'Products you asked about'],
      ['messages', 'Other messages', 'What our people write to you'],
    ],
  },
  {
    title: 'By which way',
    choices: [
      ['email', 'E-mail', ''],
      ['sms', 'SMS', ''],
      ['push', 'Push', 'To your registered devices'],
    ],
  },
];

export const PreferencesPage = () => {
  const { data, error, refetch } = query.useQuery('get', path);
  const client = useQueryClient();
  const { queryKey } = query.queryOptions('get', path);
  const changing = useMutation({
    mutationKey: [path],
    // One after the other: each has all the choices, and the last one made is the last one kept.
    scope: { id: path },
    mutationFn: (next: Preferences) => api.PUT(path, { body: next }),
    onMutate: (next) => client.setQueryData(queryKey, next),
    onError: () => showToast('That was not kept. Please try again.'),
    // While another change waits, it is newer than any answer.
    onSettled: () =>
      client.isMutating({ mutationKey: [path] }) > 1 ? undefined : client.invalidateQueries({ queryKey }),
  });
  if (data === undefined)
    return error ? (
      <ProblemPanel error={error} onRetry={() => void refetch()} />
    ) : (
      <Skeleton className="h-72" />
    );
  return (
    <div className="flex flex-col gap-6">
      {groups.map(({ title, choices }) => (
        <fieldset key={title} className="rounded-2xl border border-line bg-surface px-6 py-2">
          <legend className="px-1 font-display text-lg">{title}</legend>
          {choices.map(([name, label, hint]) => (
            <label key={name} className="flex min-h-14 cursor-pointer items-center gap-4">
              <input
                type="checkbox"
                checked={data[name]}
                onChange={({ target }) => changing.mutate({ ...data, [name]: target.checked })}
                className="size-5 accent-action"
              />
              <span>
                {label}
                {hint && <span className="block text-ink-soft text-sm">{hint}</span>}
              </span>
            </label>
          ))}
        </fieldset>
      ))}
      <p className="text-ink-soft text-sm">
        Messages about the account itself, such as a new password, are always sent.
      </p>
    </div>
  );
};
