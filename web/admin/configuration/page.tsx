import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, Fragment, type ReactNode, useState } from 'react';
import { api, type PutBody } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { TextArea, TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { formatDuration } from '../../kit/time.ts';
import { showToast } from '../../kit/toast.tsx';
import { When } from '../../kit/when.tsx';
import { PageTitle } from '../../staff/page-title.tsx';

type Setting = components['schemas']['Setting'];
type Change = components['schemas']['SettingChange'];

const shown = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : typeof value === 'boolean'
      ? value
        ? 'yes'
        : 'no'
      : typeof value === 'number'
        ? value.toLocaleString('en-GB')
        : JSON.stringify(value);

/** A long key breaks behind a dot, and is still copied as it is. */
const breakable = (key: string): ReactNode =>
  key.split('.').map((part, place) => (
    <Fragment key={part}>
      {place > 0 && '.'}
      <wbr />
      {part}
    </Fragment>
  ));

/** In the list a value of many parts only says whether it was touched; its card has it whole. */
const brief = ({ value, isDefault }: Pick<Setting, 'value' | 'isDefault'>): string =>
  typeof value !== 'object' || value === null ? shown(value) : isDefault ? 'default' : 'changed';

/** `900,000 milliseconds` are easier to judge as `15 min`. */
const readable = ({ value, unit }: Pick<Setting, 'value' | 'unit'>): string =>
  typeof value === 'number' && unit === 'milliseconds' && value >= 1000 ? ` (${formatDuration(value)})` : '';

/** Every setting that can be changed while the platform runs, its history, and the way back. */
export const ConfigurationPage = () => {
  const { key, q = '' } = useSearch({ from: '/configuration' });
  const navigate = useNavigate();
  const all = useQuery({
    queryKey: ['settings'],
    queryFn: async () => {
      const found: Setting[] = [];
      for (let cursor: string | undefined; found.length < 1000; ) {
        const { data } = await api.GET('/api/config', {
          params: { query: { limit: 100, ...(cursor && { cursor }) } },
        });
        found.push(...(data?.items ?? []));
        cursor = data?.next ?? undefined;
        if (cursor === undefined) break;
      }
      return found;
    },
  });
  const settings = all.data?.filter((setting) =>
    `${setting.key} ${setting.description}`.toLowerCase().includes(q.toLowerCase()),
  );
  return (
    <>
      <PageTitle title="Configuration" app="Admin">
        A change reaches every running service within two seconds.
      </PageTitle>
      {all.error && <ProblemPanel error={all.error} onRetry={() => void all.refetch()} />}
      <div className="grid grid-cols-[minmax(0,1fr)] gap-6 xl:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
        <div>
          <TextField
            label="Find"
            type="search"
            value={q}
            onChange={(event) =>
              void navigate({
                to: '/configuration',
                search: { ...(key && { key }), ...(event.target.value && { q: event.target.value }) },
                replace: true,
              })
            }
          />
          <ul className="mt-3 divide-y divide-line rounded-xl border border-line bg-surface">
            {settings === undefined && (
              <li className="p-4">
                <Skeleton className="h-40 w-full" />
              </li>
            )}
            {settings?.map((setting) => (
              <li key={setting.key}>
                <button
                  type="button"
                  aria-pressed={setting.key === key}
                  onClick={() =>
                    void navigate({ to: '/configuration', search: { key: setting.key, ...(q && { q }) } })
                  }
                  className={classes(
                    'flex w-full flex-wrap items-baseline gap-x-3 px-4 py-2.5 text-left text-sm hover:bg-sunken',
                    setting.key === key && 'bg-action-wash',
                  )}
                >
                  <span className="min-w-40 flex-1 break-words font-mono">{breakable(setting.key)}</span>
                  <span className={classes('tabular ml-auto', !setting.isDefault && 'font-semibold')}>
                    {brief(setting)}
                  </span>
                  <span className="w-full text-ink-soft text-xs sm:w-40">
                    {setting.unit}
                    {readable(setting)}
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </div>
        {key ? (
          <SettingCard key={key} name={key} onChanged={() => void all.refetch()} />
        ) : (
          <p className="hidden self-start rounded-xl border border-line-strong border-dashed p-8 text-center text-ink-soft xl:block">
            Choose a setting to see what it does, who has changed it, and to change it.
          </p>
        )}
      </div>
    </>
  );
};

const SettingCard = ({ name, onChanged }: { name: string; onChanged(): void }) => {
  const path = { path: { key: name } };
  const read = useQuery({
    queryKey: ['setting', name],
    queryFn: async () => {
      const { data, response } = await api.GET('/api/config/{key}', { params: path });
      return { setting: data as Setting, etag: response.headers.get('etag') ?? '' };
    },
  });
  const history = useQuery({
    queryKey: ['setting history', name],
    queryFn: async () =>
      (await api.GET('/api/config/{key}/history', { params: { ...path, query: { limit: 20 } } })).data
        ?.items ?? [],
  });
  const refresh = (): void => {
    void read.refetch();
    void history.refetch();
    onChanged();
  };
  const back = useMutation({
    mutationFn: (version: number) =>
      api.POST('/api/config/{key}/rollback', {
        params: { ...path, header: { 'if-match': read.data?.etag ?? '' } },
        body: { version },
      }),
    onSuccess: () => {
      showToast('The earlier value is in effect again.');
      refresh();
    },
  });
  if (read.data === undefined)
    return read.error ? (
      <ProblemPanel error={read.error} onRetry={refresh} />
    ) : (
      <Skeleton className="h-64 w-full" />
    );
  const { setting, etag } = read.data;
  return (
    <section
      aria-label={name}
      className="order-first flex flex-col gap-4 self-start rounded-xl border border-line bg-surface p-5 xl:sticky xl:top-20 xl:order-none"
    >
      <div>
        <h2 className="break-all font-mono font-semibold">{name}</h2>
        <p className="mt-1 text-ink-soft text-sm">{setting.description}</p>
      </div>
      <ValueForm key={etag} setting={setting} etag={etag} onSaved={refresh} />
      {back.error && <ProblemPanel error={back.error} isSmall />}
      <h3 className="font-semibold">History</h3>
      <ol className="divide-y divide-line text-sm">
        {history.data?.map((change) => (
          <HistoryRow
            key={change.version}
            change={change}
            isCurrent={change.version === setting.version}
            onBack={() => back.mutate(change.version)}
          />
        ))}
        <li className="flex items-baseline gap-3 py-2">
          <span className="tabular w-10 text-ink-soft">0</span>
          <span className="flex-1">
            {shown(setting.default)} <span className="text-ink-soft">default</span>
          </span>
          {!setting.isDefault && (
            <Button size="small" look="secondary" onClick={() => back.mutate(0)}>
              Back to it
            </Button>
          )}
        </li>
      </ol>
    </section>
  );
};

const HistoryRow = ({
  change,
  isCurrent,
  onBack,
}: {
  change: Change;
  isCurrent: boolean;
  onBack(): void;
}) => (
  <li className="flex flex-wrap items-baseline gap-3 py-2">
    <span className="tabular w-10 text-ink-soft">{change.version}</span>
    <span className="min-w-0 flex-1 break-all">
      {change.value === null ? 'default' : shown(change.value)}
      {change.rolledBackTo !== null && (
        <span className="text-ink-soft"> (back to {change.rolledBackTo})</span>
      )}
    </span>
    <span className="text-ink-soft text-xs">
      <When time={change.changedAt} /> by {change.changedBy.slice(-8)}
    </span>
    {isCurrent ? (
      <span className="text-good text-xs">in effect</span>
    ) : (
      <Button size="small" look="secondary" onClick={onBack}>
        Back to it
      </Button>
    )}
  </li>
);

/** The field follows from the setting's own schema: a choice, a number within its bounds, a text, or JSON. */
const ValueForm = ({ setting, etag, onSaved }: { setting: Setting; etag: string; onSaved(): void }) => {
  const before = typeof setting.value === 'string' ? setting.value : JSON.stringify(setting.value);
  const [text, setText] = useState(before);
  const { type, minimum, maximum } = setting.schema as { type?: string; minimum?: number; maximum?: number };
  const value = parsed(text, type);
  const saving = useMutation({
    mutationFn: () =>
      api.PUT('/api/config/{key}', {
        params: { path: { key: setting.key }, header: { 'if-match': etag } },
        body: { value: value as Setting['value'] } satisfies PutBody<'/api/config/{key}'> as never,
      }),
    onSuccess: () => {
      showToast('In effect within two seconds.');
      onSaved();
    },
  });
  const save = (event: FormEvent): void => {
    event.preventDefault();
    saving.mutate();
  };
  const isNumber = type === 'integer' || type === 'number';
  const hint = isNumber
    ? `${setting.unit}${minimum === undefined ? '' : `, ${shown(minimum)} to ${shown(maximum)}`}; now ${shown(setting.value)}${readable(setting)}`
    : setting.unit;
  return (
    <form onSubmit={save} className="flex flex-col gap-3">
      {type === 'boolean' ? (
        <label className="inline-flex min-h-11 items-center gap-2">
          <input
            type="checkbox"
            className="size-4"
            checked={text === 'true'}
            onChange={(event) => setText(String(event.target.checked))}
          />
          On
        </label>
      ) : isNumber || type === 'string' ? (
        <TextField
          label="Value"
          required
          value={text}
          {...(isNumber
            ? { type: 'number', min: minimum, max: maximum, step: type === 'integer' ? 1 : 'any' }
            : {})}
          onChange={(event) => setText(event.target.value)}
          hint={hint}
        />
      ) : (
        <TextArea
          label="Value, as JSON"
          required
          value={text}
          onChange={(event) => setText(event.target.value)}
          error={value === undefined ? 'is no JSON' : undefined}
        />
      )}
      {saving.error && <ProblemPanel error={saving.error} isSmall />}
      <Button
        type="submit"
        disabled={value === undefined || text === before}
        isBusy={saving.isPending}
        className="self-start"
      >
        Set
      </Button>
    </form>
  );
};

const parsed = (text: string, type: string | undefined): unknown => {
  if (type === 'string') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};
