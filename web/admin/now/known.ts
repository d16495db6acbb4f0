import type { StreamState } from '../../api/live-stream.ts';
import type { Signals } from './signals.ts';

/** What the page has asked about besides the signals, by the name that staff read. */
export type Asked = Readonly<Record<string, { isSuccess: boolean; isError: boolean }>>;

export type Knowledge = {
  /** True only where every part has answered: then nothing that is wrong is missing. */
  isWhole: boolean;
  /** The parts that nobody answers for now. */
  unanswered: string[];
  /** The parts that have been asked and may still answer. */
  awaited: string[];
};

/** Whether the page may say that nothing is wrong. What nobody has answered for is not known to be right. */
export const knowledgeOf = (signals: Signals | undefined, state: StreamState, asked: Asked): Knowledge => {
  const parts = {
    'stuck orders': signals?.stuckOrders,
    'dead letters': signals?.deadLetters,
    stock: signals?.lowStock,
    'signals of fraud': signals?.fraudSignals,
  };
  const silent = signals === undefined ? [] : namesOf(parts, (part) => part === null);
  const failed = namesOf(asked, ({ isError }) => isError);
  const cutOff =
    state === 'open' || signals === undefined ? [] : ['what has changed since the stream was cut off'];
  const isWhole =
    signals !== undefined &&
    silent.length + failed.length + cutOff.length === 0 &&
    Object.values(asked).every(({ isSuccess }) => isSuccess);
  const unanswered = [...new Set([...silent, ...failed, ...cutOff])];
  const awaited = namesOf(asked, ({ isSuccess, isError }) => !isSuccess && !isError);
  return { isWhole, unanswered, awaited: awaited.filter((name) => !unanswered.includes(name)) };
};

const namesOf = <T>(parts: Readonly<Record<string, T>>, isOf: (part: T) => boolean): string[] =>
  Object.entries(parts).flatMap(([name, part]) => (isOf(part) ? [name] : []));
