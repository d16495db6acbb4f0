import { Component, type ReactNode } from 'react';
import { ProblemPanel } from './problem-panel.tsx';

/** A region that throws while it draws fails alone; the rest of the page stands. */
export class Region extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: undefined };

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    return <ProblemPanel error={this.state.error} onRetry={() => this.setState({ error: undefined })} />;
  }
}
