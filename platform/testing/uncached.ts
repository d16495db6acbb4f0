import type { ReadAside } from '#platform/redis/read-aside';

/** A cache that keeps nothing. */
export const uncached: Pick<ReadAside<never>, 'forget' | 'forgetAll'> & {
  read<V>(key: string, load: () => Promise<V>): Promise<V>;
} = { read: (_key, load) => load(), forget: () => {}, forgetAll: () => {} };
