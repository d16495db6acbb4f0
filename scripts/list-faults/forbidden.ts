/**
 * What may not be on a list, as the one who changes the shop knows it. It is forbidden from the answer to the change on, and
 * allowed from before the change that allows it again is sent: in between nobody can say, and nothing is held against a list.
 */
export type Forbidden = {
  forbid(key: string, why: string, atMs: number): void;
  allow(key: string): void;
  /** Why the key was forbidden for all of the time since `sinceMs`; undefined where it was not. */
  since(key: string, sinceMs: number): string | undefined;
};

export const createForbidden = (): Forbidden => {
  const known = new Map<string, { why: string; atMs: number }>();
  return {
    forbid: (key, why, atMs) => {
      if (!known.has(key)) known.set(key, { why, atMs });
    },
    allow: (key) => {
      known.delete(key);
    },
    since: (key, sinceMs) => {
      const entry = known.get(key);
      return entry !== undefined && entry.atMs <= sinceMs ? entry.why : undefined;
    },
  };
};
