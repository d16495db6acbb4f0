import type { Session } from 'chdb';
import { expect, it } from 'vitest';
import { createSessionPool, type EngineSession } from './sessions.js';

/** As the engine, which opens no session while its memory is full. */
const engine = () => {
  const state = { isFull: false, sessions: 0 };
  const open = (): Session => {
    if (state.isFull) throw new Error('memory limit exceeded');
    state.sessions += 1;
    const close = () => {
      state.sessions -= 1;
    };
    return { close } as unknown as Session;
  };
  return { open, state };
};

it('a session that cannot be opened again leaves no statement waiting, and no place lost', async () => {
  const { open, state } = engine();
  const pool = createSessionPool(open, { sizeMax: 2, waitersMax: 10 });
  let goOn = (): void => {};
  const changed = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  // As after `SET`, or a setting that does not exist.
  const spoil = async (session: EngineSession) => {
    await changed;
    session.spoil();
  };
  const using = [1, 2].map(() => pool.use(spoil));
  const waiting = [1, 2, 3].map(() => pool.use(spoil));
  state.isFull = true;
  goOn();
  await Promise.all(using);
  const outcomes = await Promise.allSettled(waiting);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  await expect(pool.use(spoil)).rejects.toThrow('memory limit exceeded');

  state.isFull = false;
  await Promise.all([1, 2, 3].map(() => pool.use(async () => {})));
  expect(state.sessions).toBe(2);
});

it('who waits is served by the sessions that are open, where no other can be opened', async () => {
  const { open, state } = engine();
  const pool = createSessionPool(open, { sizeMax: 2, waitersMax: 10 });
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const spoiling = pool.use(async (session) => {
    await gates[0].promise;
    session.spoil();
  });
  const other = pool.use(() => gates[1].promise);
  const waiting = Promise.all([1, 2].map(() => pool.use(async () => {})));
  state.isFull = true;
  gates[0].resolve();
  await spoiling;
  gates[1].resolve();
  await Promise.all([other, waiting]);
  expect(state.sessions).toBe(1);
});
