import { createContext, useContext } from 'react';
import type { Period, Question } from './question.ts';

/** What every panel answers, made once for all of them. */
export type Asked = {
  question: Question;
  ask(change: { [K in keyof Question]?: Question[K] | undefined }): void;
  period: Period;
  previous: Period & { totalsTo: string };
  /** The currency that is looked at; undefined while nothing was sold. */
  currency: string | undefined;
  isTable: boolean;
};

const AskedContext = createContext<Asked | undefined>(undefined);

export const AskedProvider = AskedContext.Provider;

export const useAsked = (): Asked => {
  const asked = useContext(AskedContext);
  if (asked === undefined) throw new Error('a panel stands outside of the dashboard');
  return asked;
};

/** The period as parameters of the API. */
export const paramsOf = ({ period, question }: Pick<Asked, 'period' | 'question'>) => ({
  from: period.from,
  to: period.to,
  tz: question.tz,
});
