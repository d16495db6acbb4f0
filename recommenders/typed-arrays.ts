/** The same array, or a longer one with what is in it, so that `index` is within. */
export const grownTo = <T extends Int32Array | Uint8Array | Float64Array>(array: T, index: number): T => {
  if (index < array.length) return array;
  const more = new (array.constructor as new (length: number) => T)(
    Math.max(index + 1, 1024, 2 * array.length),
  );
  more.set(array);
  return more;
};

/** The bytes of numbers as base64, for snapshots. */
export const toText = ({ buffer, byteOffset, byteLength }: Int32Array | Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

export const toBytes = (text: string): ArrayBuffer => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
};
