import { type FormEvent, Fragment, type ReactNode, useState } from 'react';
import { api } from '../api/client.ts';
import { acceptLogin, logOut, type User, useUser } from '../api/login.ts';
import { Button } from '../kit/button.tsx';
import { Empty } from '../kit/empty.tsx';
import { TextField } from '../kit/field.tsx';
import { ProblemPanel } from '../kit/problem-panel.tsx';

type Role = User['roles'][number];

/** Shows its content to people of these roles, a login to guests, and everybody else why they see nothing. */
export const Gate = ({
  app,
  roles,
  children,
}: {
  app: string;
  roles: readonly Role[];
  children: ReactNode;
}) => {
  const user = useUser();
  if (user === undefined) return <LoginForm app={app} />;
  if (user.roles.some((role) => roles.includes(role))) return <Fragment key={user.id}>{children}</Fragment>;
  return (
    <main>
      <h1 className="sr-only">{app}</h1>
      <Empty
        title="Not for this account"
        act={
          <>
            <Button onClick={() => void logOut()}>Use another account</Button>
            <ToShop />
          </>
        }
      >
        {user.email} is {user.roles.join(', ')}. This page is for {roles.join(' and ')}.
      </Empty>
    </main>
  );
};

const ToShop = () => (
  <a
    href="/"
    className="inline-flex min-h-11 items-center text-ink-soft text-sm underline underline-offset-4"
  >
    To the shop
  </a>
);

const LoginForm = ({ app }: { app: string }) => {
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const logIn = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(undefined);
    try {
      const { data } = await api.POST('/api/auth/login', {
        body: { email: String(form.get('email')), password: String(form.get('password')) },
      });
      if (data) acceptLogin(data);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <form
        onSubmit={(event) => void logIn(event)}
        className="rise-in flex w-full max-w-sm flex-col gap-4 rounded-2xl border border-line bg-surface p-8 shadow-card"
      >
        <div>
          <p className="text-ink-soft text-sm">Cartstream</p>
          <h1 className="font-display text-3xl">{app}</h1>
        </div>
        <TextField label="E-mail" name="email" type="email" autoComplete="username" required />
        <TextField
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
        />
        {error !== undefined && <ProblemPanel error={error} isSmall />}
        <Button type="submit" isBusy={isBusy}>
          Log in
        </Button>
        <details className="text-ink-soft text-sm">
          <summary className="flex min-h-11 cursor-pointer items-center underline underline-offset-4">
            Which account?
          </summary>
          <p>
            One whose roles allow it; customers of the shop have none of them. On your own machine{' '}
            <code>npm start</code> makes an administrator: <code>adminEmail</code> and{' '}
            <code>adminPassword</code> are in <code>.local/run.json</code> while it runs.
          </p>
        </details>
        <ToShop />
      </form>
    </main>
  );
};
