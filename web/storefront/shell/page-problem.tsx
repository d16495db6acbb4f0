import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Page } from './page.tsx';

export const PageProblem = ({ error, reset }: { error: unknown; reset?: () => void }) => (
  <Page title="This page did not open" isTitleHidden>
    <ProblemPanel error={error} onRetry={reset ?? (() => window.location.reload())} />
  </Page>
);
