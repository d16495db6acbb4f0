import { useEffect, useRef, useState } from 'react';
import { openStream, type StreamState } from '../api/live-stream.ts';

export type LiveEvent = { type: string; id: string | undefined; data: unknown };

/** Watches topics on one connection while the component stands; see `/api/live` for their names and data. */
export const useLive = (topics: readonly string[], onEvent: (event: LiveEvent) => void): StreamState => {
  const [state, setState] = useState<StreamState>('connecting');
  const handler = useRef(onEvent);
  useEffect(() => {
    handler.current = onEvent;
  });
  const path = topics.length === 0 ? undefined : `/api/live?topics=${topics.join(',')}`;
  useEffect(() => {
    if (path === undefined) return;
    return openStream(path, { onEvent: (event) => handler.current(event), onState: setState });
  }, [path]);
  return state;
};
