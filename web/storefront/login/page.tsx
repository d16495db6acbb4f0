import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useRouter, useSearch } from '@tanstack/react-router';
import { type FormEvent, type ReactNode, useState } from 'react';
import { api } from '../../api/client.ts';
import { acceptLogin } from '../../api/login.ts';
import { fieldErrorsOf } from '../../api/problem.ts';
import type { components } from '../../api/schema.d.ts';
import { Button } from '../../kit/button.tsx';
import { TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { uniteCarts } from '../cart/use-cart.ts';
import { Page } from '../shell/page.tsx';
import { safePath } from './safe-path.ts';

/** Takes the login over, makes the guest's cart the user's, and goes where the visitor wanted to be. */
const useArrival = () => {
  const client = useQueryClient();
  const navigate = useNavigate();
  const router = useRouter();
  const { next } = useSearch({ strict: false }) as { next?: string };
  return async (login: components['schemas']['LoggedIn']) => {
    acceptLogin(login);
    await uniteCarts(client, login.user.id);
    await navigate({ to: safePath(next), replace: true });
    await router.invalidate();
  };
};

/** What the API asks of a password. */
export const passwordRule = 'At least 8 characters. There is no other rule.';

export const LoginPage = () => {
  const [form, setForm] = useState({ email: '', password: '' });
  const arrive = useArrival();
  const search = useSearch({ strict: false }) as { next?: string };
  const entering = useMutation({
    mutationFn: async () => (await api.POST('/api/auth/login', { body: form })).data,
    onSuccess: (login) => login && arrive(login),
  });
  return (
    <Door title="Log in" onSubmit={() => entering.mutate()}>
      <TextField
        label="E-mail"
        type="email"
        required
        autoComplete="username"
        value={form.email}
        onChange={({ target }) => setForm({ ...form, email: target.value })}
      />
      <TextField
        label="Password"
        type="password"
        required
        autoComplete="current-password"
        value={form.password}
        onChange={({ target }) => setForm({ ...form, password: target.value })}
      />
      {entering.isError && <ProblemPanel error={entering.error} isSmall />}
      <Button type="submit" size="large" isBusy={entering.isPending}>
        Log in
      </Button>
      <p className="flex flex-wrap justify-between gap-x-6 text-sm">
        <Link to="/register" search={search} className={linkClasses}>
          New here? Open an account
        </Link>
        <Link to="/reset-password" className={linkClasses}>
          Password forgotten
        </Link>
      </p>
    </Door>
  );
};

export const RegisterPage = () => {
  const [form, setForm] = useState({ name: '', email: '', password: '' });
  const arrive = useArrival();
  const search = useSearch({ strict: false }) as { next?: string };
  const opening = useMutation({
    mutationFn: async () => (await api.POST('/api/auth/register', { body: form })).data,
    onSuccess: (login) => login && arrive(login),
  });
  const errors = fieldErrorsOf(opening.error);
  return (
    <Door title="Open an account" onSubmit={() => opening.mutate()}>
      <TextField
        label="Name"
        required
        autoComplete="name"
        maxLength={200}
        value={form.name}
        error={errors['/name']}
        onChange={({ target }) => setForm({ ...form, name: target.value })}
      />
      <TextField
        label="E-mail"
        type="email"
        required
        autoComplete="username"
        maxLength={254}
        value={form.email}
        error={errors['/email']}
        onChange={({ target }) => setForm({ ...form, email: target.value })}
      />
      <TextField
        label="Password"
        type="password"
        required
        minLength={8}
        maxLength={256}
        autoComplete="new-password"
        hint={passwordRule}
        value={form.password}
        error={errors['/password']}
        onChange={({ target }) => setForm({ ...form, password: target.value })}
      />
      {opening.isError && <ProblemPanel error={opening.error} isSmall />}
      <Button type="submit" size="large" isBusy={opening.isPending}>
        Open the account
      </Button>
      <Link to="/login" search={search} className={`${linkClasses} text-sm`}>
        I have one already
      </Link>
    </Door>
  );
};

const linkClasses = 'inline-flex min-h-11 items-center text-action underline underline-offset-4';

export const Door = ({
  title,
  onSubmit,
  children,
}: {
  title: string;
  onSubmit(): void;
  children: ReactNode;
}) => (
  <Page title={title} isTitleHidden>
    <div className="mx-auto mt-4 max-w-md rounded-2xl border border-line bg-surface p-6 sm:mt-10 sm:p-8">
      <p aria-hidden="true" className="mb-6 font-display text-3xl">
        {title}
      </p>
      <form
        className="flex flex-col gap-5"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        {children}
      </form>
    </div>
  </Page>
);
