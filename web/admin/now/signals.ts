import { useEffect, useSyncExternalStore } from 'react';
import type { StreamState } from '../../api/live-stream.ts';
import { whenUserLeaves } from '../../api/login.ts';
import type { components } from '../../api/schema.d.ts';
import { createListeners } from '../../kit/listeners.ts';
import { useLive } from '../../staff/live.ts';

export type Signals = components['schemas']['OpsSignals'];

const reopenedMsMax = 3_000;

type Current = { signals: Signals | undefined; state: StreamState };

let current: Current = { signals: undefined, state: 'connecting' };
const { subscribe, announce } = createListeners();

const change = (to: Partial<Current>): void => {
  current = { ...current, ...to };
  announce();
};

whenUserLeaves(() => change({ signals: undefined, state: 'connecting' }));

/** Keeps the stream of signals open. Stands once in the app. */
export const useSignalStream = (): void => {
  const state = useLive(['ops'], ({ type, data }) => {
    if (type === 'ops') change({ signals: data as Signals });
  });
  useEffect(() => {
    if (state === 'open') return change({ state });
    // A stream ends when its time is up, and is open again in a moment: until then what it said is not old.
    const timer = setTimeout(() => change({ state }), reopenedMsMax);
    return () => clearTimeout(timer);
  }, [state]);
};

/** What is wrong now, as the stream has said last. */
export const useSignals = (): Current => useSyncExternalStore(subscribe, () => current);
