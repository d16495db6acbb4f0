import { accessToken, dropAccessToken } from './login.ts';

export type StreamState = 'connecting' | 'open' | 'waiting' | 'ended' | 'refused';

export type StreamOptions = {
  /** Each event in its order; `data` is parsed JSON. */
  onEvent(event: { type: string; id: string | undefined; data: unknown }): void;
  onState?(state: StreamState): void;
  headers?: Readonly<Record<string, string>>;
};

const retryMsMin = 500;
const retryMsMax = 15_000;
/** A hidden page keeps its stream so long: a browser has six connections to one host, over all its tabs. */
const hiddenMsMax = 5_000;
/** The server sends something every 15 s. A connection that is silent for longer is gone, though nobody said so. */
const silentMsMax = 40_000;

// Over seventy lines: one stream over many connections, whose timers, last id and end share one state.
/**
 * Server-sent events by `fetch`, because the browser's `EventSource` cannot send a bearer token. Connects again after a
 * break with the id of the last event, closes while the page is hidden, and stops for good when the server answers that
 * there is nothing more (204) or refuses (4xx). Returns what ends it.
 */
export const openStream = (path: string, { onEvent, onState, headers = {} }: StreamOptions): (() => void) => {
  const ended = new AbortController();
  let connection: AbortController | undefined;
  let lastEventId: string | undefined;
  let failures = 0;
  /** Whether the token was renewed because the server refused the one before, and none was accepted since. */
  let isRenewed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const say = (state: StreamState) => {
    if (!ended.signal.aborted) onState?.(state);
  };
  const later = (): void => {
    say('waiting');
    clearTimeout(timer);
    timer = setTimeout(() => void connect(), Math.min(retryMsMax, retryMsMin * 2 ** Math.min(failures++, 6)));
  };
  const connect = async (): Promise<void> => {
    if (ended.signal.aborted || connection !== undefined || document.hidden) return;
    const own = new AbortController();
    connection = own;
    say('connecting');
    const giveUp = () => {
      release(own);
      own.abort();
      later();
    };
    let silence = setTimeout(giveUp, silentMsMax);
    const onBytes = () => {
      clearTimeout(silence);
      silence = setTimeout(giveUp, silentMsMax);
    };
    try {
      const bearer = await accessToken();
      const response = await fetch(path, {
        signal: own.signal,
        headers: {
          accept: 'text/event-stream',
          ...headers,
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
        },
      });
      if (response.status === 204) return finish('ended');
      if (response.status === 401 && bearer !== undefined && !isRenewed) {
        // The clock of this machine has slept, or the token was taken back: what memory holds is older than it seems.
        isRenewed = true;
        dropAccessToken(bearer);
        release(own);
        own.abort();
        return void connect();
      }
      if (response.status >= 400 && response.status < 500 && response.status !== 429)
        return finish('refused');
      if (!response.ok || response.body === null) throw new Error(String(response.status));
      isRenewed = false;
      say('open');
      for await (const event of eventsOf(response.body, onBytes)) {
        failures = 0;
        lastEventId = event.id ?? lastEventId;
        if (!ended.signal.aborted) onEvent(event);
      }
      release(own);
      later();
    } catch {
      release(own);
      if (!ended.signal.aborted && !own.signal.aborted) later();
    } finally {
      clearTimeout(silence);
    }
  };
  const release = (own: AbortController): void => {
    if (connection === own) connection = undefined;
  };
  const onVisibility = (): void => {
    clearTimeout(timer);
    if (document.hidden)
      timer = setTimeout(() => {
        connection?.abort();
        connection = undefined;
        say('waiting');
      }, hiddenMsMax);
    else void connect();
  };
  /** The network is back, perhaps another one: what was open on the old one may be dead without a word. */
  const onOnline = (): void => {
    if (document.hidden) return;
    clearTimeout(timer);
    connection?.abort();
    connection = undefined;
    failures = 0;
    void connect();
  };
  const finish = (state: StreamState): void => {
    say(state);
    stop();
  };
  const stop = (): void => {
    ended.abort();
    connection?.abort();
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', onVisibility);
    window.removeEventListener('online', onOnline);
  };

  document.addEventListener('visibilitychange', onVisibility);
  window.addEventListener('online', onOnline);
  void connect();
  return stop;
};

type StreamEvent = { type: string; id: string | undefined; data: unknown };

/** Reads the events of a body as they come. A comment keeps the connection alive and is no event. */
async function* eventsOf(body: ReadableStream<Uint8Array>, onBytes: () => void): AsyncGenerator<StreamEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      onBytes();
      rest += decoder.decode(value, { stream: true });
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const event = eventIn(block);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** One block of lines as an event; undefined for a block without data. */
export const eventIn = (block: string): StreamEvent | undefined => {
  let type = 'message';
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value = ''] = /^([a-z]+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === 'event') type = value;
    if (field === 'id') id = value;
    if (field === 'data') data.push(value);
  }
  if (data.length === 0) return undefined;
  try {
    return { type, id, data: JSON.parse(data.join('\n')) as unknown };
  } catch {
    return { type, id, data: data.join('\n') };
  }
};
