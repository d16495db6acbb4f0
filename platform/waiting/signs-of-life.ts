import { endsWithin } from '#platform/waiting/deadline';

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
      if (!(await endsWithin(everyMs, next))) {
        yield '\n';
        continue;
      }
      const { done, value } = await next;
      if (done) return;
      yield value;
      next = pieces.next();
    }
  } finally {
    next.catch(() => {});
    // Not waited for: it may be reading a body that goes on no more.
    pieces.return(undefined).catch(() => {});
  }
}
