import { createReadStream } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';

const lineCharsMax = 4_000_000;

/** The lines of a file, read as they are needed, with their numbers from 1; null for one that is too long. */
export async function* linesOf(file: string): AsyncGenerator<{ number: number; line: string | null }> {
  const decoder = new StringDecoder('utf8');
  let number = 0;
  let rest = '';
  let isTooLong = false;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    const lines = (rest + decoder.write(chunk as Buffer)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      number += 1;
      yield { number, line: isTooLong || line.length > lineCharsMax ? null : line.trim() };
      isTooLong = false;
    }
    if (rest.length <= lineCharsMax) continue;
    isTooLong = true;
    rest = '';
  }
  rest += decoder.end();
  if (rest !== '' || isTooLong) yield { number: number + 1, line: isTooLong ? null : rest.trim() };
}
