/** A line of an import. `bytes` is null where it was longer than it may be. Lines are numbered from 1. */
export type ImportLine = { number: number; bytes: Buffer | null };

const newline = 0x0a;

/**
 * Splits pieces of a body into its lines, without their ends. Holds at most one line of `lineBytesMax` bytes; what is
 * beyond in a longer one is passed over. Blank lines are counted and left out.
 */
export async function* linesIn(
  pieces: AsyncIterable<Buffer>,
  lineBytesMax: number,
): AsyncGenerator<ImportLine> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let number = 1;
  const hold = (part: Buffer): void => {
    heldBytes += part.length;
    if (heldBytes <= lineBytesMax) held.push(part);
    else held = [];
  };
  const take = (): ImportLine | undefined => {
    const bytes = heldBytes > lineBytesMax ? null : Buffer.concat(held);
    const line = { number, bytes };
    held = [];
    heldBytes = 0;
    number += 1;
    return bytes !== null && isBlank(bytes) ? undefined : line;
  };
  for await (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, from)) {
      hold(piece.subarray(from, end));
      from = end + 1;
      const line = take();
      if (line !== undefined) yield line;
    }
    if (from < piece.length) hold(Buffer.from(piece.subarray(from)));
  }
  const last = take();
  if (last !== undefined) yield last;
}

const isBlank = (bytes: Buffer): boolean =>
  bytes.every((sign) => sign === 0x20 || sign === 0x09 || sign === 0x0d);
