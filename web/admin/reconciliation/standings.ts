import { plural } from '../../words/words.ts';

type Rule = { oracle: string; promise: string };

type Answer = {
  oracles: readonly Rule[];
  items: readonly { oracle: string }[];
  next: string | null;
};

export type Standing = Rule & { look: 'good' | 'bad' | 'unknown'; text: string };

/**
 * How each rule stands. The page of differences fills rule by rule: where it ends before they do, the rule of its last
 * difference may have more, and of those behind it nothing is known.
 */
export const standingsOf = ({ oracles, items, next }: Answer): Standing[] => {
  const lastAt =
    next === null ? oracles.length : oracles.findIndex(({ oracle }) => oracle === items.at(-1)?.oracle);
  return oracles.map((rule, at): Standing => {
    const count = items.filter(({ oracle }) => oracle === rule.oracle).length;
    if (at > lastAt) return { ...rule, look: 'unknown', text: 'not compared' };
    if (count === 0) return { ...rule, look: 'good', text: 'holds' };
    const text = plural(count, { one: '{count} difference', other: '{count} differences' });
    return { ...rule, look: 'bad', text: at === lastAt ? `${text} so far` : text };
  });
};
