import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { api } from '../../api/client.ts';
import { buttonClasses } from '../../kit/button.tsx';
import { Empty } from '../../kit/empty.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { Page } from '../shell/page.tsx';

/** Opened from the message that proves an address. The token is spent once, also where the page is drawn twice. */
export const VerifyEmailPage = () => {
  const token = new URLSearchParams(window.location.hash.slice(1)).get('token');
  const isSent = useRef(false);
  const { mutate, isSuccess, isError, error } = useMutation({
    mutationFn: (given: string) => api.POST('/api/auth/verify-email', { body: { token: given } }),
  });
  useEffect(() => {
    if (token === null || isSent.current) return;
    isSent.current = true;
    mutate(token);
  }, [token, mutate]);
  return (
    <Page title="Your e-mail address" isTitleHidden isNarrow>
      {token === null ? (
        <Empty title="The link is not whole">Open it from the message again.</Empty>
      ) : isSuccess ? (
        // The token names no account: whoever is logged in here may be somebody else.
        <Empty
          title="Thank you"
          act={
            <Link to="/" className={buttonClasses()}>
              To the shop
            </Link>
          }
        >
          The address that the letter was sent to is confirmed.
        </Empty>
      ) : isError ? (
        <ProblemPanel error={error} onRetry={() => mutate(token)} />
      ) : (
        <Skeleton className="h-40" />
      )}
    </Page>
  );
};
