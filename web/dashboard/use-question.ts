import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { type Question, questionIn, searchOf } from './question.ts';

/** The question in the address, and how to ask another. */
export const useQuestion = () => {
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const navigate = useNavigate();
  const text = JSON.stringify(search);
  const question = useMemo(() => questionIn(JSON.parse(text) as Record<string, unknown>), [text]);
  const ask = useCallback(
    (change: { [K in keyof Question]?: Question[K] | undefined }) => {
      const next = Object.fromEntries(
        Object.entries({ ...question, ...change }).filter(([, value]) => value !== undefined),
      );
      void navigate({ to: '/', search: searchOf(next as Question) });
    },
    [question, navigate],
  );
  return { question, ask };
};
