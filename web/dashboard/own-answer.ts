import { useRef } from 'react';

/** What a panel needs of a query. */
export type Answer<Data> = {
  data: Data | undefined;
  error: unknown;
  isPending: boolean;
  isPlaceholderData: boolean;
  dataUpdatedAt: number;
  refetch(): unknown;
};

/** The answer as one that is awaited, where what it holds meanwhile is of another question than the one that is asked. */
export const ownAnswer = <Data>(answer: Answer<Data>, asked: string, answered: string): Answer<Data> => {
  if (!answer.isPlaceholderData || asked === answered) return answer;
  const { error, dataUpdatedAt, refetch } = answer;
  return { data: undefined, error, isPending: true, isPlaceholderData: false, dataUpdatedAt, refetch };
};

/**
 * The answer, unless it is still that of another question. A running period that has moved on by a bucket is the same
 * question, whose last answer stays meanwhile: `asked` is the same text then.
 */
export const useOwn = <Data>(answer: Answer<Data>, asked: string): Answer<Data> => {
  const answered = useRef(asked);
  if (!answer.isPlaceholderData && answer.data !== undefined) answered.current = asked;
  return ownAnswer(answer, asked, answered.current);
};
