import type { IncomingRecord, RawHeader, RecordHeaders, RecordPack } from '#platform/messaging/broker';
import { headerNames } from '#platform/messaging/record-headers';

/** A position in a pack: `next` moves to the next record; the fields are then the positions of its parts in `bytes`. */
export class PackCursor {
  offset = 0;
  timestampMs = 0;
  keyStart = 0;
  /** -1 for a record without a key. */
  keyEnd = -1;
  valueStart = 0;
  /** -1 for a record without a value. */
  valueEnd = -1;
  headersStart = 0;
  foundStart = 0;
  foundEnd = 0;
  end = 0;
  readonly pack: RecordPack;
  readonly bytes: Buffer;
  readonly #baseOffset: number;
  readonly #baseTimestampMs: number;
  readonly #appendedAtMs: number | undefined;
  #left: number;
  #at = 0;

  constructor(pack: RecordPack) {
    this.pack = pack;
    this.bytes = pack.bytes;
    this.#baseOffset = pack.baseOffset;
    this.#baseTimestampMs = pack.baseTimestampMs;
    this.#appendedAtMs = pack.appendedAtMs;
    this.#left = pack.count;
  }

  next(): boolean {
    if (this.#left <= 0) return false;
    this.#left -= 1;
    const length = this.#varint();
    this.end = this.#at + length;
    if (!(length > 0 && this.end <= this.bytes.length)) throw broken();
    this.#at += 1;
    const delta = this.#varint();
    this.timestampMs = this.#appendedAtMs ?? this.#baseTimestampMs + delta;
    this.offset = this.#baseOffset + this.#varint();
    const keyLength = this.#varint();
    this.keyStart = this.#at;
    this.keyEnd = keyLength < 0 ? -1 : this.#at + keyLength;
    if (keyLength > 0) this.#at += keyLength;
    const valueLength = this.#varint();
    this.valueStart = this.#at;
    this.valueEnd = valueLength < 0 ? -1 : this.#at + valueLength;
    if (valueLength > 0) this.#at += valueLength;
    this.headersStart = this.#at;
    if (!(this.#at <= this.end)) throw broken();
    this.#at = this.end;
    return true;
  }

  /**
   * True where the last header called `name` (ASCII) has a value; `foundStart` and `foundEnd` are then its bounds.
   */
  findHeader(name: string): boolean {
    let found = false;
    this.#at = this.headersStart;
    for (let left = this.#varint(); left > 0; left -= 1) {
      const nameLength = this.#varint();
      const nameStart = this.#at;
      this.#at += Math.max(0, nameLength);
      const valueLength = this.#varint();
      const valueStart = this.#at;
      this.#at += Math.max(0, valueLength);
      if (!(this.#at <= this.end)) throw broken();
      if (nameLength !== name.length || !this.#isAt(nameStart, name)) continue;
      found = valueLength >= 0;
      this.foundStart = valueStart;
      this.foundEnd = this.#at;
    }
    this.#at = this.end;
    return found;
  }

  #isAt(start: number, ascii: string): boolean {
    for (let at = 0; at < ascii.length; at += 1)
      if (this.bytes[start + at] !== ascii.charCodeAt(at)) return false;
    return true;
  }

  /** The record as an object, with parts that share memory with the pack. */
  record(): IncomingRecord {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = this;
    return new PackedRecord(
      this,
      this.#headersText(),
      keyEnd < 0 ? null : bytes.subarray(keyStart, keyEnd),
      valueEnd < 0 ? null : bytes.subarray(valueStart, valueEnd),
    );
  }

  #headersText(): RecordHeaders {
    this.#at = this.headersStart;
    let left = this.#varint();
    const text: RecordHeaders = left > 0 ? new HeaderText() : noHeaders;
    for (; left > 0; left -= 1) {
      const name = this.#name();
      const length = this.#varint();
      if (length < 0) {
        delete text[name];
        continue;
      }
      const start = this.#at;
      this.#at += length;
      if (!(this.#at <= this.end)) throw broken();
      text[name] = this.bytes.toString('utf8', start, this.#at);
    }
    this.#at = this.end;
    return text;
  }

  /** Names that every event has are not read, only compared. */
  #name(): string {
    const length = Math.max(0, this.#varint());
    const start = this.#at;
    this.#at += length;
    if (!(this.#at <= this.end)) throw broken();
    for (const name of usualNames) if (name.length === length && this.#isAt(start, name)) return name;
    return this.bytes.toString('utf8', start, this.#at);
  }

  /** The headers at `start` as they were written. */
  headersAt(start: number, end: number): readonly RawHeader[] {
    this.#at = start;
    this.end = end;
    let left = this.#varint();
    const headers: RawHeader[] = [];
    for (; left > 0; left -= 1) {
      const name = this.#part()?.toString('utf8') ?? '';
      headers.push([name, this.#part()]);
    }
    return headers;
  }

  #part(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.#at;
    this.#at += length;
    if (!(this.#at <= this.end)) throw broken();
    return this.bytes.subarray(start, this.#at);
  }

  #varint(): number {
    const { bytes } = this;
    let byte = bytes[this.#at++] as number;
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 127;
    let scale = 128;
    do {
      byte = bytes[this.#at++] as number;
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte > 127);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

/** A record whose headers are read as bytes only for those that pass it on. */
class PackedRecord implements IncomingRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly #pack: RecordPack;
  readonly #headersStart: number;
  readonly #end: number;
  #rawHeaders: readonly RawHeader[] | undefined;

  constructor(cursor: PackCursor, headers: RecordHeaders, key: Buffer | null, value: Buffer | null) {
    this.key = key;
    this.value = value;
    this.headers = headers;
    this.offset = BigInt(cursor.offset);
    this.timestampMs = cursor.timestampMs;
    this.#pack = cursor.pack;
    this.#headersStart = cursor.headersStart;
    this.#end = cursor.end;
  }

  get rawHeaders(): readonly RawHeader[] {
    this.#rawHeaders ??= new PackCursor(this.#pack).headersAt(this.#headersStart, this.#end);
    return this.#rawHeaders;
  }
}

const usualNames = Object.values(headerNames);

/** Without a prototype's names, so that `__proto__` is a name like any other, and still an object of a fixed shape. */
class HeaderText {
  [name: string]: string;
}
Object.setPrototypeOf(HeaderText.prototype, null);
// `constructor` is inherited otherwise, and looks like a header.
delete (HeaderText.prototype as { constructor?: unknown }).constructor;

const noHeaders: RecordHeaders = Object.freeze({});

const broken = (): Error => new Error('a record reaches beyond its end');
