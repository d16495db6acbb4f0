import { sleep } from '#platform/waiting/sleep';

/**
 * The pieces of an answer, and a line feed whenever the next one takes longer than `everyMs`: whoever is between would
 * give up waiting. JSON allows it between the pieces.
 */
export async function* withSignsOfLife(
  pieces: AsyncGenerator<string>,
  everyMs: number,
): AsyncGenerator<string> {
  let next = pieces.next();
  try {
    for (;;) {
      const found = await orNothingWithin(next, everyMs);
      if (found?.done) return;
      yield found?.value ?? '\n';
      if (found !== undefined) next = pieces.next();
    }
  } finally {
    next.catch(() => {});
    // Not waited for: it may be reading a body that goes on no more.
    pieces.return(undefined).catch(() => {});
  }
}

const orNothingWithin = async <T>(waited: Promise<T>, ms: number): Promise<T | undefined> => {
  const over = new AbortController();
  try {
    return await Promise.race([waited, sleep(ms, { signal: over.signal }).then(() => undefined)]);
  } finally {
    over.abort();
  }
};
