import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { Button, buttonClasses } from '../../kit/button.tsx';
import { TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Door, passwordRule } from './page.tsx';

/** Without a token it sends one; the link in that message comes back here with it. */
export const ResetPasswordPage = () => {
  const token = new URLSearchParams(window.location.hash.slice(1)).get('token');
  return token === null ? <AskForToken /> : <NewPassword token={token} />;
};

const AskForToken = () => {
  const [email, setEmail] = useState('');
  const asking = useMutation({ mutationFn: () => api.POST('/api/auth/password-reset', { body: { email } }) });
  return (
    <Door title="Password forgotten" onSubmit={() => asking.mutate()}>
      {asking.isSuccess ? (
        <p role="status">
          If {email} has an account here, a message with a link is on its way. It is good for one hour.
        </p>
      ) : (
        <>
          <TextField
            label="E-mail"
            type="email"
            required
            autoComplete="username"
            value={email}
            onChange={({ target }) => setEmail(target.value)}
          />
          {asking.isError && <ProblemPanel error={asking.error} isSmall />}
          <Button type="submit" size="large" isBusy={asking.isPending}>
            Send me a link
          </Button>
        </>
      )}
    </Door>
  );
};

const NewPassword = ({ token }: { token: string }) => {
  const [password, setPassword] = useState('');
  const setting = useMutation({
    mutationFn: () => api.POST('/api/auth/password-reset/confirm', { body: { token, password } }),
  });
  return (
    <Door title="Choose a new password" onSubmit={() => setting.mutate()}>
      {setting.isSuccess ? (
        <>
          <p role="status">Your new password works now. All other sessions have ended.</p>
          <Link to="/login" className={buttonClasses()}>
            Log in
          </Link>
        </>
      ) : (
        <>
          <TextField
            label="New password"
            type="password"
            required
            minLength={8}
            maxLength={256}
            autoComplete="new-password"
            hint={passwordRule}
            value={password}
            onChange={({ target }) => setPassword(target.value)}
          />
          {setting.isError && <ProblemPanel error={setting.error} isSmall />}
          <Button type="submit" size="large" isBusy={setting.isPending}>
            Set the password
          </Button>
        </>
      )}
    </Door>
  );
};
