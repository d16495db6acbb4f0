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
/** A call to copy costs as much as a loop over this many bytes. */
const loopBytesMax = 64;

export const growingBytes = (): GrowingBytes => new Growing();

class Growing implements GrowingBytes {
  #bytes = Buffer.allocUnsafeSlow(initialBytes);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  addByte(byte: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = byte;
  }

  addInt32(value: number): void {
    if (this.#at + 4 > this.#bytes.length) this.#grow(4);
    const bytes = this.#bytes;
    const at = this.#at;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
    this.#at = at + 4;
  }

  addInt64(low: number, high: number): void {
    this.addInt32(low);
    this.addInt32(high);
  }

  addText(source: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.#at + length + lengthBytesMax > this.#bytes.length) this.#grow(length + lengthBytesMax);
    const bytes = this.#bytes;
    let at = this.#at;
    let rest = length;
    for (; rest > 127; rest >>>= 7) bytes[at++] = (rest & 127) | 128;
    bytes[at++] = rest;
    if (length <= loopBytesMax)
      for (let from = start; from < end; from += 1) bytes[at++] = source[from] as number;
    else {
      source.copy(bytes, at, start, end);
      at += length;
    }
    this.#at = at;
  }

  addString(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.addText(bytes, 0, bytes.length);
  }

  taken(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #grow(bytesMore: number): void {
    let size = this.#bytes.length * 2;
    while (size < this.#at + bytesMore) size *= 2;
    const larger = Buffer.allocUnsafeSlow(size);
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
