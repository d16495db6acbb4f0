import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import type { FormEvent } from 'react';
import { api } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { DataTable } from '../../kit/data-table.tsx';
import { SelectField, TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { useProductNames } from '../../staff/product-names.ts';
import { type Scenario, scenarios } from './scenarios.ts';

type Asked = { scenario?: string; userId?: string; visitId?: string; productId?: string };
type Answer = components['schemas']['Explanation'];

const shownMax = 30;

const share = (ofBest: number): string => `${(ofBest * 100).toFixed(ofBest < 0.0995 ? 1 : 0)}\u00a0%`;

/**
 * A model's score is a logarithm, and the score of a list is its power over that of the best candidate. No rule has touched
 * an unmoved candidate, so that its two scores give the best one's; without one, the best that is shown is the best.
 */
const bestOf = (candidates: Answer['candidates']): number => {
  for (const { modelScore, score, movedBy } of candidates)
    if (modelScore !== null && score !== null && score > 0 && movedBy.length === 0)
      return modelScore - Math.log(score);
  return Math.max(...candidates.map(({ modelScore }) => modelScore ?? Number.NEGATIVE_INFINITY));
};
/** Nothing is wrong with such a candidate: the list was full. */
const belowLimit = 'below_limit';

/** The list that one visitor would get outside of experiments, with every candidate's scores and what moved or removed it. */
export const Explanation = ({ asked, version }: { asked: Asked; version: number | undefined }) => {
  const navigate = useNavigate();
  const { scenario = 'home', userId, visitId, productId } = asked;
  const needsProduct = (scenario === 'product' || scenario === 'similar') && !productId;
  const found = useQuery({
    queryKey: ['explain', scenario, userId, visitId, productId, version],
    enabled: !needsProduct,
    queryFn: async () =>
      (
        await api.GET('/api/recommendations/explain', {
          params: {
            query: {
              scenario: scenario as Scenario,
              limit: 12,
              ...(userId && { userId }),
              ...(visitId && { visitId }),
              ...(productId && { productId }),
            },
          },
        })
      ).data as Answer,
  });
  const ids = [...new Set(found.data?.candidates.slice(0, shownMax).map((each) => each.productId))];
  const names = useProductNames(ids);
  const ask = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const search = Object.fromEntries(
      [...form].flatMap(([name, value]) => (value === '' ? [] : [[name, String(value).trim()]])),
    );
    void navigate({ to: '/recommendations', search });
  };
  const best = bestOf(found.data?.candidates ?? []);
  const reasons = new Map(found.data?.items.map(({ productId: id, reason }) => [id, reason.kind]));
  return (
    <section aria-label="What a visitor sees" className="flex min-w-0 flex-col gap-4">
      <form onSubmit={ask} className="grid gap-3 rounded-xl border border-line bg-surface p-4 sm:grid-cols-2">
        <SelectField label="Shelf" name="scenario" required defaultValue={scenario}>
          {scenarios.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </SelectField>
        <TextField label="Product in view" name="productId" defaultValue={productId} />
        <TextField label="User id" name="userId" defaultValue={userId} />
        <TextField label="Visit id" name="visitId" defaultValue={visitId} />
        <Button type="submit" look="secondary" isBusy={found.isFetching} className="justify-self-start">
          Explain
        </Button>
      </form>
      {needsProduct && <p className="text-ink-soft text-sm">This shelf needs the id of a product in view.</p>}
      {found.error && <ProblemPanel error={found.error} onRetry={() => void found.refetch()} />}
      {found.data && (
        <p className="text-ink-soft text-sm">
          From {found.data.source}, model {found.data.modelVersion}; {found.data.candidates.length}{' '}
          candidates. 100 % is the best that the models found; a rule can lift a product above it.
        </p>
      )}
      <DataTable
        caption="Candidates"
        rows={found.data?.candidates.slice(0, shownMax) ?? []}
        rowKey={({ productId: id }) => id}
        isLoading={found.isPending && !needsProduct}
        columns={[
          { key: 'place', head: 'Place', isNumber: true, cell: ({ place }) => place ?? '–' },
          {
            key: 'product',
            head: 'Product',
            cell: ({ productId: id }) => (
              <>
                {names?.get(id) ?? id.slice(-8)}
                {reasons.get(id) && (
                  <span className="block text-ink-soft text-xs">{reasons.get(id)?.replaceAll('_', ' ')}</span>
                )}
              </>
            ),
          },
          {
            key: 'model',
            head: 'Model',
            isNumber: true,
            cell: ({ modelScore }) => (modelScore === null ? '–' : share(Math.exp(modelScore - best))),
          },
          {
            key: 'score',
            head: 'With rules',
            isNumber: true,
            cell: ({ score }) => (score === null ? '–' : share(score)),
          },
          {
            key: 'why',
            head: 'Moved or removed by',
            cell: ({ movedBy, removedBy }) => (
              <>
                {movedBy.length > 0 && <span className="text-action">{movedBy.join(', ')}</span>}
                {removedBy && (
                  <span className={removedBy === belowLimit ? 'whitespace-nowrap text-ink-soft' : 'text-bad'}>
                    {' '}
                    {removedBy === belowLimit ? 'list is full' : removedBy.replaceAll('_', ' ')}
                  </span>
                )}
              </>
            ),
          },
        ]}
      />
    </section>
  );
};
