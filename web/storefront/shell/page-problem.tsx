import { useRouter } from '@tanstack/react-router';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Page } from './page.tsx';

export const PageProblem = ({ error }: { error: unknown }) => {
  const { invalidate } = useRouter();
  return (
    <Page title="This page did not open" isTitleHidden>
      <ProblemPanel error={error} onRetry={() => void invalidate()} />
    </Page>
  );
};
