import { PlatformError } from '#platform/errors';
import type { ServerEvent } from './event-stream.js';

/** More than any event of ours has; a stream with a longer one is not read on. */
const eventCharsMax = 1_048_576;

/**
 * The events of a `text/event-stream` body, in order, as its pieces come; lines without meaning are left out. The data of
 * each event has to be JSON on one line, as `sendEvents` writes it. Throws for an event of more than 1 MiB.
 */
export async function* eventsIn(body: AsyncIterable<Buffer | string>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of body) {
    rest += typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true });
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    if (rest.length > eventCharsMax)
      throw new PlatformError('dependency_unavailable', 'an event of the stream is too long', {
        retriable: true,
      });
    for (const block of blocks) {
      const event = eventOf(block);
      if (event !== undefined) yield event;
    }
  }
}

const eventOf = (block: string): ServerEvent | undefined => {
  const fields = new Map(
    block.split('\n').map((line): [string, string] => {
      const colonAt = line.indexOf(':');
      return [line.slice(0, colonAt), line.slice(colonAt + 1).replace(/^ /, '')];
    }),
  );
  const data = fields.get('data');
  return data === undefined
    ? undefined
    : { event: fields.get('event'), id: fields.get('id'), data: JSON.parse(data) };
};
