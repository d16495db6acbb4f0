import { useMutation, useQuery } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { api, type PutBody } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { SelectField, TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { showToast } from '../../kit/toast.tsx';
import { When } from '../../kit/when.tsx';
import { PageTitle } from '../../staff/page-title.tsx';
import { bounds } from './bounds.ts';
import { Explanation } from './explanation.tsx';
import { scenarios } from './scenarios.ts';

type Rules = components['schemas']['RecommendationRules'];
const kinds = ['pin', 'boost', 'bury', 'exclude'] as const;
type Kind = (typeof kinds)[number];
type Rule = {
  productId?: string;
  category?: string;
  brand?: string;
  position?: number;
  factor?: number;
  scenarios?: string[];
};

/** What staff want shelves to hold, beside what a given visitor would see and why. */
export const RecommendationRulesPage = () => {
  const asked = useSearch({ from: '/recommendations' });
  const read = useQuery({
    queryKey: ['recommendation rules'],
    queryFn: async () => {
      const { data, response } = await api.GET('/api/recommendations/rules');
      return { rules: data as Rules, etag: response.headers.get('etag') ?? '' };
    },
  });
  return (
    <>
      <PageTitle title="Recommendations" app="Admin">
        The rules, and what a visitor sees by them, and why.
      </PageTitle>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-6 xl:grid-cols-[minmax(0,2fr)_minmax(0,3fr)]">
        {read.error ? (
          <ProblemPanel error={read.error} onRetry={() => void read.refetch()} />
        ) : read.data === undefined ? (
          <Skeleton className="h-80 w-full" />
        ) : (
          <RulesForm key={read.data.etag} {...read.data} onSaved={() => void read.refetch()} />
        )}
        <Explanation asked={asked} version={read.data?.rules.version} />
      </div>
    </>
  );
};

const sentenceOf = (kind: Kind, rule: Rule): string => {
  const what = rule.productId
    ? `product …${rule.productId.slice(-8)}`
    : rule.category
      ? `all below ${rule.category}`
      : `all of ${rule.brand}`;
  const where = rule.scenarios?.length ? ` on ${rule.scenarios.join(', ')}` : ' everywhere';
  switch (kind) {
    case 'pin':
      return `Put ${what} at place ${rule.position}${where}`;
    case 'boost':
      return `Count ${what} ${rule.factor} times as much${where}`;
    case 'bury':
      return `Put ${what} last${where}`;
    default:
      return `Never show ${what}${where}`;
  }
};

const RulesForm = ({ rules, etag, onSaved }: { rules: Rules; etag: string; onSaved(): void }) => {
  const user = useUser();
  const [draft, setDraft] = useState(rules);
  const isChanged = JSON.stringify(draft) !== JSON.stringify(rules);
  const saving = useMutation({
    mutationFn: () =>
      api.PUT('/api/recommendations/rules', {
        params: { header: { 'if-match': etag } },
        body: draft satisfies PutBody<'/api/recommendations/rules'> as never,
      }),
    onSuccess: () => {
      showToast('Saved. Shelves follow within two seconds.');
      onSaved();
    },
  });
  const change = (kind: Kind, list: readonly Rule[]): void => setDraft({ ...draft, [kind]: list } as Rules);
  const held = bounds(draft);
  const all = kinds.flatMap((kind) => (draft[kind] as Rule[]).map((rule, at) => ({ kind, rule, at })));
  return (
    <section
      aria-label="Rules"
      className="flex flex-col gap-4 self-start rounded-xl border border-line bg-surface p-5"
    >
      <p className="text-ink-soft text-sm">
        Version {rules.version}
        {rules.changedAt && (
          <>
            , changed <When time={rules.changedAt} />
          </>
        )}
      </p>
      <ul className="divide-y divide-line">
        {all.length === 0 && (
          <li className="py-2 text-ink-soft text-sm">
            No rules of your own: the models{' '}
            {held.length === 0 ? 'alone decide' : 'decide within the bounds below'}.
          </li>
        )}
        {all.map(({ kind, rule, at }) => (
          <li
            key={`${kind} ${JSON.stringify(rule)}`}
            className="flex items-center justify-between gap-3 py-2 text-sm"
          >
            {sentenceOf(kind, rule)}
            <Button
              size="small"
              look="quiet"
              onClick={() =>
                change(
                  kind,
                  (draft[kind] as Rule[]).filter((_, place) => place !== at),
                )
              }
            >
              Remove
            </Button>
          </li>
        ))}
      </ul>
      {held.length > 0 && (
        <div className="text-ink-soft text-sm">
          <p>Bounds of every list:</p>
          <ul className="list-disc pl-5">
            {held.map((bound) => (
              <li key={bound}>{bound}</li>
            ))}
          </ul>
        </div>
      )}
      <AddRule onAdd={(kind, rule) => change(kind, [...(draft[kind] as Rule[]), rule])} />
      {saving.error && <ProblemPanel error={saving.error} isSmall />}
      <div className="flex gap-3">
        <Button
          disabled={!isChanged || !user?.roles.includes('admin')}
          isBusy={saving.isPending}
          onClick={() => saving.mutate()}
        >
          Save rules
        </Button>
        {isChanged && (
          <Button look="secondary" onClick={() => setDraft(rules)}>
            Leave them
          </Button>
        )}
      </div>
    </section>
  );
};

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

const AddRule = ({ onAdd }: { onAdd(kind: Kind, rule: Rule): void }) => {
  const [kind, setKind] = useState<Kind>('pin');
  const [by, setBy] = useState<'productId' | 'category' | 'brand'>('productId');
  const target = kind === 'pin' ? 'productId' : by;
  const add = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const scenario = String(form.get('scenario'));
    onAdd(kind, {
      [target]: String(form.get('target')).trim(),
      ...(kind === 'pin' ? { position: Number(form.get('number')) } : {}),
      ...(kind === 'boost' ? { factor: Number(form.get('number')) } : {}),
      ...(scenario === '' ? {} : { scenarios: [scenario] }),
    });
    event.currentTarget.reset();
  };
  return (
    <form onSubmit={add} className="grid gap-3 rounded-lg bg-sunken p-4 sm:grid-cols-2">
      <SelectField
        label="Rule"
        required
        value={kind}
        onChange={(event) => setKind(event.target.value as Kind)}
      >
        {kinds.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </SelectField>
      <SelectField
        label="For"
        required
        value={target}
        disabled={kind === 'pin'}
        onChange={(event) => setBy(event.target.value as typeof by)}
      >
        <option value="productId">a product</option>
        <option value="category">a category</option>
        <option value="brand">a brand</option>
      </SelectField>
      <TextField
        label={target === 'productId' ? 'Product id' : target === 'category' ? 'Category path' : 'Brand'}
        name="target"
        required
        {...(target === 'productId' ? { pattern: uuid.source.slice(1, -1).replaceAll('\\d', '0-9') } : {})}
      />
      {(kind === 'pin' || kind === 'boost') && (
        <TextField
          label={kind === 'pin' ? 'Place' : 'Factor'}
          name="number"
          type="number"
          required
          min={kind === 'pin' ? 1 : 1.1}
          max={kind === 'pin' ? 100 : 1000}
          step={kind === 'pin' ? 1 : 0.1}
        />
      )}
      <SelectField label="Where" name="scenario">
        <option value="">everywhere</option>
        {scenarios.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </SelectField>
      <Button type="submit" look="secondary" className="self-end">
        Add
      </Button>
    </form>
  );
};
