/** Bytes to which more are appended; numbers are little-endian, texts have their length as a varint before them. */
export type GrowingBytes = {
  readonly length: number;
  addByte(byte: number): void;
  addInt32(value: number): void;
  /** A number of 64 bits by its halves. */
  addInt64(low: number, high: number): void;
  addText(source: Buffer, start: number, end: number): void;
  addString(text: string): void;
  /** What was appended so far, in the same memory. */
  taken(): Buffer;
};

const initialBytes = 1024;
/** The most bytes of a text's length. */
const lengthBytesMax = 5;
/** Longer texts are copied by the runtime, whose call costs as much as a loop over this many bytes. */
const loopBytesMax = 128;

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Consecutive texts come from the same memory. */
let lastSource: Buffer | undefined;
let lastView: DataView | undefined;

const sourceView = (source: Buffer): DataView => {
  if (source === lastSource && lastView !== undefined) return lastView;
  lastSource = source;
  lastView = viewOf(source);
  return lastView;
};

/** How much was appended the last time to bytes that are made again and again; the next ones start with this size. */
export type SizeHint = { bytes: number };

export const growingBytes = (hint: SizeHint = { bytes: 0 }): GrowingBytes => new Growing(hint);

class Growing implements GrowingBytes {
  #bytes: Buffer;
  #view: DataView;
  #at = 0;
  readonly #hint: SizeHint;

  constructor(hint: SizeHint) {
    this.#hint = hint;
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(initialBytes, hint.bytes + (hint.bytes >> 3)));
    this.#view = viewOf(this.#bytes);
  }

  get length(): number {
    return this.#at;
  }

  addByte(byte: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = byte;
  }

  addInt32(value: number): void {
    if (this.#at + 4 > this.#bytes.length) this.#grow(4);
    this.#view.setInt32(this.#at, value, true);
    this.#at += 4;
  }

  addInt64(low: number, high: number): void {
    if (this.#at + 8 > this.#bytes.length) this.#grow(8);
    this.#view.setInt32(this.#at, low, true);
    this.#view.setInt32(this.#at + 4, high, true);
    this.#at += 8;
  }

  addText(source: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.#at + length + lengthBytesMax > this.#bytes.length) this.#grow(length + lengthBytesMax);
    const bytes = this.#bytes;
    let at = this.#at;
    let rest = length;
    for (; rest > 127; rest >>>= 7) bytes[at++] = (rest & 127) | 128;
    bytes[at++] = rest;
    if (length <= loopBytesMax) this.#copy(source, start, end, at);
    else source.copy(bytes, at, start, end);
    this.#at = at + length;
  }

  /** Eight bytes at a time, in a third of the time of a loop over bytes. */
  #copy(source: Buffer, start: number, end: number, to: number): void {
    const from = sourceView(source);
    const view = this.#view;
    let at = start;
    let next = to;
    for (; at + 8 <= end; at += 8, next += 8) view.setBigInt64(next, from.getBigInt64(at));
    const bytes = this.#bytes;
    for (; at < end; at += 1, next += 1) bytes[next] = source[at] as number;
  }

  addString(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.addText(bytes, 0, bytes.length);
  }

  taken(): Buffer {
    this.#hint.bytes = this.#at;
    return this.#bytes.subarray(0, this.#at);
  }

  #grow(bytesMore: number): void {
    let size = this.#bytes.length * 2;
    while (size < this.#at + bytesMore) size *= 2;
    const larger = Buffer.allocUnsafeSlow(size);
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}
