import type { Session } from 'chdb';
import { textLiteral } from '#platform/clickhouse/text-literal';
import { refusal } from './failure.js';

export type SessionState = { database: string; settings: ReadonlyMap<string, string> };

/**
 * One connection to the engine. It runs one statement at a time and keeps the effects of `SET` and `USE`, so `bring`
 * changes its state to the one that the next request needs.
 */
export type EngineSession = {
  readonly engine: Session;
  bring(wanted: SessionState): Promise<void>;
  /** Marks the state as unknown: the session is then closed instead of used again. */
  spoil(): void;
  readonly spoiled: boolean;
};

export type SessionPool = {
  /** Waits for a free session; throws a 503 when `waitersMax` others already wait. */
  use<T>(work: (session: EngineSession) => Promise<T>): Promise<T>;
  close(): void;
};

export type OpenSession = () => Session;

const backquoted = (name: string): string => `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;

export const createEngineSession = (engine: Session): EngineSession => {
  let database = 'default';
  let settings: ReadonlyMap<string, string> = new Map();
  let spoiled = false;

  return {
    engine,
    get spoiled() {
      return spoiled;
    },
    spoil() {
      spoiled = true;
    },
    async bring(wanted) {
      const assignments: string[] = [];
      for (const [name, value] of wanted.settings) {
        if (settings.get(name) !== value) assignments.push(`${name} = ${textLiteral(value)}`);
      }
      for (const name of settings.keys()) {
        // Old parameters may stay, because a statement reads only those that it names.
        if (!wanted.settings.has(name) && !name.startsWith('param_')) assignments.push(`${name} = DEFAULT`);
      }
      try {
        if (assignments.length > 0) await engine.queryAsync(`SET ${assignments.join(', ')}`);
        settings = wanted.settings;
        if (database !== wanted.database) await engine.queryAsync(`USE ${backquoted(wanted.database)}`);
        database = wanted.database;
      } catch (error) {
        spoiled = true;
        throw error;
      }
    },
  };
};

export const createSessionPool = (
  open: OpenSession,
  options: { sizeMax: number; waitersMax: number },
): SessionPool => {
  const free: EngineSession[] = [];
  const waiters: Array<{ resolve(session: EngineSession): void; reject(error: unknown): void }> = [];
  let opened = 0;

  /** One that cannot be opened takes no place. */
  const openOne = (): EngineSession => {
    const session = createEngineSession(open());
    opened++;
    return session;
  };

  const take = (): Promise<EngineSession> | EngineSession => {
    const session = free.pop();
    if (session) return session;
    if (opened < options.sizeMax) return openOne();
    if (waiters.length >= options.waitersMax) {
      throw refusal(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', 503, `${waiters.length} statements already wait`);
    }
    return new Promise((resolve, reject) => waiters.push({ resolve, reject }));
  };

  const giveBack = (used: EngineSession): void => {
    if (used.spoiled) {
      used.engine.close();
      opened--;
    }
    while (waiters.length > 0) {
      try {
        const session = used.spoiled ? openOne() : used;
        waiters.shift()?.resolve(session);
        return;
      } catch (error) {
        // Whoever waits has those that are still open; where none is, nobody would ever be served.
        if (opened > 0) return;
        waiters.shift()?.reject(error);
      }
    }
    if (!used.spoiled) free.push(used);
  };

  return {
    async use(work) {
      const session = await take();
      try {
        return await work(session);
      } finally {
        giveBack(session);
      }
    },
    close() {
      for (const session of free) session.engine.close();
    },
  };
};
