import { refusal } from './failure.js';
import { createEngineSession, type EngineSession, type OpenSession } from './sessions.js';

/** `?session_id=`: sessions that keep their `SET`, `USE` and temporary tables until they idle too long. */
export const createNamedSessions = (open: OpenSession, options: { sizeMax: number; idleMs: number }) => {
  const sessions = new Map<
    string,
    { session: EngineSession; busy: boolean; timer: NodeJS.Timeout | undefined }
  >();

  return async function use<T>(id: string, work: (session: EngineSession) => Promise<T>): Promise<T> {
    let entry = sessions.get(id);
    if (!entry) {
      if (sessions.size >= options.sizeMax) {
        throw refusal(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', 503, `${sessions.size} named sessions are open`);
      }
      entry = { session: createEngineSession(open()), busy: false, timer: undefined };
      sessions.set(id, entry);
    }
    if (entry.busy) {
      throw refusal(373, 'SESSION_IS_LOCKED', 500, `Session ${id} is locked by a concurrent client`);
    }
    const held = entry;
    clearTimeout(held.timer);
    held.busy = true;
    try {
      return await work(held.session);
    } finally {
      held.busy = false;
      held.timer = setTimeout(() => {
        sessions.delete(id);
        held.session.engine.close();
      }, options.idleMs);
      held.timer.unref();
    }
  };
};
