import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { classes } from '../../kit/classes.ts';
import { DataTable } from '../../kit/data-table.tsx';
import { CopyText, ProblemPanel } from '../../kit/problem-panel.tsx';
import { showToast } from '../../kit/toast.tsx';
import { When } from '../../kit/when.tsx';
import { PageTitle } from '../../staff/page-title.tsx';
import { plural } from '../../words/words.ts';
import { Paged } from '../paged.tsx';
import { usePages } from '../pages.ts';
import { canReplay, type Filter, type Group, waitingIn } from './waiting.ts';

type Letter = components['schemas']['DeadLetter'];

/** Events that no retry could help: why, how many, and their replay, one by one or a whole group. */
export const DeadLettersPage = () => {
  const asked = useSearch({ from: '/dead-letters' });
  const navigate = useNavigate();
  const groups = useQuery({
    queryKey: ['dead letter groups'],
    refetchInterval: 5_000,
    queryFn: async () =>
      (await api.GET('/api/ops/dead-letters', { params: { query: { limit: 1 } } })).data?.reasons ?? [],
  });
  const isAsked = (group: Filter) =>
    group.topic === asked.topic && group.group === asked.group && group.reason === asked.reason;
  return (
    <>
      <PageTitle title="Dead letters" app="Admin">
        Events that a consumer could not handle. A replay gives one to the same consumer again; its effects
        happen once.
      </PageTitle>
      {groups.error && <ProblemPanel error={groups.error} onRetry={() => void groups.refetch()} />}
      <ul className="mb-6 grid grid-cols-[minmax(0,1fr)] gap-3 md:grid-cols-2 xl:grid-cols-3">
        {groups.data?.map(({ topic, group, reason, waiting, replayed }) => (
          <li key={`${topic} ${group} ${reason}`}>
            <button
              type="button"
              aria-pressed={isAsked({ topic, group, reason })}
              onClick={() =>
                void navigate({
                  to: '/dead-letters',
                  search: isAsked({ topic, group, reason }) ? {} : { topic, group, reason },
                })
              }
              className={classes(
                'flex h-full w-full min-w-0 flex-col items-start break-all rounded-xl border bg-surface p-4 text-left hover:bg-sunken',
                isAsked({ topic, group, reason }) ? 'border-action' : 'border-line',
              )}
            >
              <span className="font-semibold">{reason.replaceAll('_', ' ')}</span>
              <span className="text-ink-soft text-sm">
                {topic} → {group}
              </span>
              <span className="mt-2 text-sm">
                <span className={classes('tabular font-semibold', waiting > 0 ? 'text-bad' : 'text-good')}>
                  {waiting} waiting
                </span>
                <span className="text-ink-soft"> · {replayed} replayed</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <Letters filter={asked} groups={groups.data ?? []} onReplayed={() => void groups.refetch()} />
    </>
  );
};

const Letters = ({
  filter,
  groups,
  onReplayed,
}: {
  filter: Filter;
  groups: readonly Group[];
  onReplayed(): void;
}) => {
  const { topic, group: consumer, reason } = filter;
  const list = usePages<Letter>(
    ['dead letters', topic, consumer, reason],
    async (cursor) => {
      const query = {
        limit: 50,
        ...(cursor && { cursor }),
        ...(consumer && { group: consumer }),
        ...(reason && { reason }),
      };
      return topic === undefined
        ? (await api.GET('/api/ops/dead-letters', { params: { query } })).data
        : (await api.GET('/api/ops/dead-letters/{topic}', { params: { path: { topic }, query } })).data;
    },
    { isFresh: true },
  );
  const { replay, group } = useReplay(() => {
    list.refresh();
    onReplayed();
  });
  const topics = [...new Set(groups.flatMap((each) => (each.waiting > 0 ? each.topic : [])))];
  return (
    <>
      <div className="mb-3 flex flex-wrap items-center gap-3">
        <h2 className="font-semibold text-lg">{topic ? `${topic}, ${consumer}` : 'All, newest first'}</h2>
        <Button
          look="secondary"
          size="small"
          disabled={!canReplay(waitingIn(groups, filter), list.isDimmed ? [] : list.rows)}
          isBusy={group.isPending}
          // The API replays what is named.
          onClick={() =>
            group.mutate(topic === undefined ? topics.map((each) => ({ topic: each })) : [filter])
          }
        >
          Replay {topic === undefined ? 'all that wait' : 'the whole group'}
        </Button>
      </div>
      {(replay.error ?? group.error) && <ProblemPanel error={replay.error ?? group.error} isSmall />}
      <Paged list={list}>
        <DataTable
          caption="Dead letters"
          rows={list.rows}
          rowKey={({ id }) => id}
          isLoading={list.isLoading}
          empty="No dead letters: every event was handled."
          columns={[
            {
              key: 'what',
              head: 'Event',
              cell: ({ topic: of, partition, offset, key }) => (
                <>
                  <span className="font-mono text-xs">
                    {of}/{partition}/{offset}
                  </span>
                  {key && (
                    <span className="block">
                      <CopyText text={key} label="Key" />
                    </span>
                  )}
                </>
              ),
            },
            {
              key: 'why',
              head: 'Why',
              cell: ({ reason: why, message, stackDigest }) => (
                <>
                  <span className="font-medium">{why.replaceAll('_', ' ')}</span>
                  <span className="line-clamp-2 max-w-md text-ink-soft text-xs">{message}</span>
                  <span className="font-mono text-2xs text-ink-soft">{stackDigest}</span>
                </>
              ),
            },
            { key: 'group', head: 'Consumer', isSecondary: true, cell: (letter) => letter.group },
            {
              key: 'tries',
              head: 'Tries',
              isNumber: true,
              isSecondary: true,
              cell: ({ attempts }) => attempts,
            },
            {
              key: 'parked',
              head: 'Parked',
              isSecondary: true,
              cell: ({ parkedAt }) => <When time={parkedAt} />,
            },
            { key: 'status', head: 'Status', cell: (letter) => <Status {...letter} /> },
            {
              key: 'act',
              head: <span className="sr-only">Replay</span>,
              cell: ({ id, isReplayable, status }) => (
                <Button
                  look="secondary"
                  size="small"
                  disabled={!isReplayable}
                  title={
                    isReplayable
                      ? undefined
                      : 'It was too large to be kept whole, or its consumer takes no replays.'
                  }
                  onClick={() => replay.mutate(id)}
                >
                  {status === 'replayed' ? 'Replay again' : 'Replay'}
                </Button>
              ),
            },
          ]}
        />
      </Paged>
    </>
  );
};

const Status = ({ status, times, replayedAt }: Letter) =>
  status === 'replayed' ? (
    <span className="text-good">replayed {replayedAt && <When time={replayedAt} as="ago" />}</span>
  ) : (
    <span className="text-bad">
      waiting{times > 1 && `, came back ${plural(times - 1, { one: 'once', other: '{count} times' })}`}
    </span>
  );

/** One letter, or all that wait of some groups. */
const useReplay = (onDone: () => void) => {
  const replay = useMutation({
    mutationFn: (id: string) => api.POST('/api/ops/dead-letters/{id}/replay', { params: { path: { id } } }),
    onSuccess: () => showToast('Replayed. If it fails again it comes back here.'),
    onSettled: onDone,
  });
  const group = useMutation({
    mutationFn: async (filters: readonly Filter[]) => {
      const sums = { replayed: 0, left: 0 };
      for (const body of filters) {
        const { data } = await api.POST('/api/ops/dead-letters/replay', { body });
        sums.replayed += data?.replayed ?? 0;
        sums.left += data?.left ?? 0;
      }
      return sums;
    },
    onSuccess: ({ replayed, left }) => showToast(`${replayed} replayed, ${left} still wait.`),
    onSettled: onDone,
  });
  return { replay, group };
};
