import { EventEmitter } from 'node:events';
import type pg from 'pg';
import type { Database } from '#platform/postgres/pool';

/** Answers a statement, by its text and parameters, with its rows; may throw what the server would. */
export type Answer = (text: string, values: readonly unknown[]) => Promise<readonly object[]>;

/**
 * A pool whose connections have no server behind them, for tests of what shares a transaction and when it begins. What
 * PostgreSQL does with a statement is tested on a `scratchDatabase`.
 */
export const answeringPool = (answer: Answer = async () => []): Pick<Database, 'pool'> => {
  const query = async (
    statement: string | pg.QueryConfig,
  ): Promise<{ command: string; rows: readonly object[] }> => {
    const { text, values = [] } = typeof statement === 'string' ? { text: statement } : statement;
    const [command = ''] = text.split(' ', 1);
    const isControl = ['BEGIN', 'COMMIT', 'ROLLBACK'].includes(command);
    return { command, rows: isControl ? [] : await answer(text, values) };
  };
  const connect = async () =>
    Object.assign(new EventEmitter(), {
      connection: { stream: { cork: () => {}, uncork: () => {} } },
      query,
      release: () => {},
    });
  return { pool: { connect } as unknown as pg.Pool };
};
