import { problems } from './en.ts';

/** What a fault looks like from outside; kit and words have no idea of the API's own classes. */
export type Fault = {
  title: string;
  text: string;
  correlationId: string | undefined;
  /** Whether another try may help. */
  isPassing: boolean;
};

/** `{count} item` or `{count} items`, by the rules of the language. */
export const plural = (count: number, forms: { one: string; other: string }): string => {
  const rule = new Intl.PluralRules('en').select(count);
  return (rule === 'one' ? forms.one : forms.other).replace('{count}', count.toLocaleString('en-GB'));
};

/** `home/mugs-and-cups` → `Mugs and cups`. The tree's own names are better where it is loaded. */
export const categoryWords = (path: string): string => {
  const last = path.split('/').at(-1) ?? path;
  const words = last.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** `home/mugs-and-cups` → `Home / Mugs and cups`. */
export const categoryPathWords = (path: string): string => path.split('/').map(categoryWords).join(' / ');

/** A sentence for every error that can be thrown: of the API by its code, of the network, and of this program. */
export const faultOf = (error: unknown): Fault => {
  const { name, code, status, message, correlationId } = (error ?? {}) as Partial<{
    name: string;
    code: string;
    status: number;
    message: string;
    correlationId: string;
  }>;
  if (name === 'Unreachable')
    return { title: 'No connection', text: problems.unreachable, correlationId: undefined, isPassing: true };
  if (status === undefined)
    return { title: 'Something broke', text: problems.broken, correlationId: undefined, isPassing: false };
  const known = code === undefined ? undefined : (problems.byCode as Record<string, string>)[code];
  return {
    title: problems.titles[status] ?? (status >= 500 ? 'Not available just now' : 'That did not work'),
    text: known ?? message ?? problems.broken,
    correlationId,
    isPassing: status === 429 || status >= 500,
  };
};
