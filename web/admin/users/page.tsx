import { useMutation } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { useUser } from '../../api/login.ts';
import { ApiProblem } from '../../api/problem.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { DataTable } from '../../kit/data-table.tsx';
import { Dialog } from '../../kit/dialog.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { showToast } from '../../kit/toast.tsx';
import { When } from '../../kit/when.tsx';
import { PageTitle } from '../../staff/page-title.tsx';
import { Paged } from '../paged.tsx';
import { usePages } from '../pages.ts';
import { SearchForm } from '../search-form.tsx';

type User = components['schemas']['User'];
const roles: readonly User['roles'][number][] = ['customer', 'support', 'analyst', 'admin'];

const does: Readonly<Record<User['roles'][number], string>> = {
  customer: 'buys',
  support: 'sees and repairs every order, moderates reviews',
  analyst: 'sees the dashboard',
  admin: 'all of it, products, configuration and roles',
};

/** Accounts and what they may do. A role that is taken away ends within a quarter of an hour. */
export const UsersPage = () => {
  const { email } = useSearch({ from: '/users' });
  const navigate = useNavigate();
  const [edited, edit] = useState<User>();
  const list = usePages<User>(
    ['users', email],
    async (cursor) =>
      (
        await api.GET('/api/users', {
          params: { query: { limit: 50, ...(cursor && { cursor }), ...(email && { email }) } },
        })
      ).data,
  );
  const search = (words: string): void =>
    void navigate({ to: '/users', search: words === '' ? {} : { email: words } });
  return (
    <>
      <PageTitle title="Users" app="Admin" />
      <SearchForm
        label="E-mail"
        verb="Find"
        found={email}
        maxLength={254}
        className="mb-4"
        onSearch={search}
      />
      <Paged list={list}>
        <DataTable
          caption="Users"
          rows={list.rows}
          rowKey={({ id }) => id}
          isLoading={list.isLoading}
          isDimmed={list.isDimmed}
          empty="No account answers to that."
          columns={[
            {
              key: 'email',
              head: 'E-mail',
              cell: ({ email: address, emailVerified }) => (
                <>
                  {address}
                  {!emailVerified && <span className="ml-2 text-ink-soft text-xs">not verified</span>}
                </>
              ),
            },
            { key: 'name', head: 'Name', isSecondary: true, cell: ({ name }) => name },
            { key: 'roles', head: 'Roles', cell: ({ roles: own }) => own.join(', ') },
            {
              key: 'since',
              head: 'Since',
              isSecondary: true,
              cell: ({ createdAt }) => <When time={createdAt} as="day" />,
            },
            {
              key: 'acts',
              head: <span className="sr-only">Acts</span>,
              cell: (user) => (
                <span className="flex justify-end gap-2">
                  <Link
                    to="/orders"
                    search={{ userId: user.id }}
                    className="inline-flex min-h-8 items-center px-2 text-action text-sm underline"
                  >
                    Orders
                  </Link>
                  <Button size="small" look="secondary" onClick={() => edit(user)}>
                    Roles
                  </Button>
                </span>
              ),
            },
          ]}
        />
      </Paged>
      {edited && (
        <RolesDialog key={edited.id} user={edited} onClose={() => edit(undefined)} onDone={list.refresh} />
      )}
    </>
  );
};

const RolesDialog = ({ user, onClose, onDone }: { user: User; onClose(): void; onDone(): void }) => {
  const self = useUser();
  const [chosen, setChosen] = useState<ReadonlySet<User['roles'][number]>>(new Set(user.roles));
  const saving = useMutation({
    mutationFn: () =>
      api.PUT('/api/users/{id}/roles', {
        // What another admin has given meanwhile is not replaced unseen.
        params: { path: { id: user.id }, header: { 'if-match': `"${user.version}"` } },
        body: { roles: [...chosen] },
      }),
    onSuccess: () => {
      showToast(`${user.email}: ${[...chosen].join(', ')}.`);
      onClose();
    },
    onError: (error) => {
      // Another admin was faster: the list shows what he gave.
      if (!(error instanceof ApiProblem) || error.status !== 412) return;
      showToast(`${user.email} was changed meanwhile.`);
      onClose();
    },
    onSettled: onDone,
  });
  const isOwn = self?.id === user.id;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={user.email}
      foot={
        <div className="flex justify-end gap-3">
          <Button look="secondary" onClick={onClose}>
            Leave it
          </Button>
          <Button isBusy={saving.isPending} disabled={chosen.size === 0} onClick={() => saving.mutate()}>
            Save roles
          </Button>
        </div>
      }
    >
      <ul className="flex flex-col gap-2">
        {roles.map((role) => (
          <li key={role}>
            <label className="flex min-h-11 items-center gap-3">
              <input
                type="checkbox"
                className="size-4"
                checked={chosen.has(role)}
                disabled={isOwn && role === 'admin'}
                onChange={(event) => {
                  const next = new Set(chosen);
                  if (event.target.checked) next.add(role);
                  else next.delete(role);
                  setChosen(next);
                }}
              />
              <span>
                <span className="font-medium">{role}</span>
                <span className="block text-ink-soft text-sm">{does[role]}</span>
              </span>
            </label>
          </li>
        ))}
      </ul>
      {isOwn && (
        <p className="mt-3 text-ink-soft text-sm">Your own admin role is taken away by another admin.</p>
      )}
      {saving.error && <ProblemPanel error={saving.error} isSmall />}
    </Dialog>
  );
};
