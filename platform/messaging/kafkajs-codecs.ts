import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { decompress as unzstd } from 'fzstd';
import kafkajs from 'kafkajs';
import lz4 from 'lz4-napi';
import snappy from 'snappy';

const { CompressionCodecs, CompressionTypes } = kafkajs;

/**
 * A batch larger than this when decompressed is refused: a broker accepts a megabyte that decompresses to gigabytes.
 * The size is computed before decompression, or the codec gets this bound.
 */
export const batchBytesMax = 64 * 1024 * 1024;

/** Larger batches are decompressed in a thread of the pool, so that the event loop stays free. */
const inPlaceBytesMax = 64 * 1024;

const gunzip = promisify(zlib.gunzip) as (from: Buffer, options: object) => Promise<Buffer>;
const ungzip = (compressed: Buffer): Promise<Buffer> =>
  gunzip(compressed, { maxOutputLength: batchBytesMax });

/**
 * An LZ4 frame (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md):
 *
 *     frame = magic flags block-size-id [content-size] [dictionary-id] checksum *(block) end-mark
 *     block = length *byte [checksum]   ; the length's highest bit says that the block is not compressed
 *
 * The library's own functions for frames take buffers of four megabytes for each frame, which costs ten times as much as
 * the rest. So frames of blocks that stand by themselves, which Kafka's clients write, are read and written here, and the
 * library handles only the blocks.
 */
const lz4Magic = 0x184d2204;
const frameHeaderBytes = 7;
const lengthBytes = 4;
const isStored = 0x8000_0000;
/** The flags of a version 1 frame of independent blocks. */
const independent = 0x60;
const hasContentSize = 0x08;
const decompressedInPlaceBytesMax = 512 * 1024;

const unlz4 = async (compressed: Buffer): Promise<Buffer> => {
  const blocks = lz4Blocks(compressed);
  if (blocks === undefined) return unlz4AnyFrame(compressed);
  const total = blocks.reduce((sum, { bytes }) => sum + bytes, 0);
  assertFits(total);
  const pieces: Buffer[] = [];
  for (const { stored, bytes, isCompressed } of blocks) {
    if (!isCompressed) pieces.push(stored);
    else {
      const sized = Buffer.allocUnsafe(lengthBytes + stored.length);
      sized.writeUInt32LE(bytes);
      stored.copy(sized, lengthBytes);
      pieces.push(
        total <= decompressedInPlaceBytesMax ? lz4.uncompressSync(sized) : await lz4.uncompress(sized),
      );
    }
  }
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
};

type Lz4Block = { stored: Buffer; bytes: number; isCompressed: boolean };

/** The blocks of a frame, with the size that each will have; undefined if the frame is of another kind. */
const lz4Blocks = (frame: Buffer): Lz4Block[] | undefined => {
  if (frame.length < frameHeaderBytes || frame.readUInt32LE(0) !== lz4Magic) return undefined;
  const flags = frame.readUInt8(4);
  if ((flags & ~hasContentSize) !== independent) return undefined;
  const blocks: Lz4Block[] = [];
  let at = frameHeaderBytes + ((flags & hasContentSize) === 0 ? 0 : 8);
  for (let length = frame.readUInt32LE(at); length !== 0; length = frame.readUInt32LE(at)) {
    const isCompressed = length < isStored;
    const start = at + lengthBytes;
    at = start + (isCompressed ? length : length - isStored);
    if (at > frame.length) throw new Error('an LZ4 frame that was cut off');
    const stored = frame.subarray(start, at);
    blocks.push({ stored, isCompressed, bytes: isCompressed ? lz4BlockBytes(stored) : stored.length });
  }
  return blocks;
};

/**
 * The size of a block when decompressed, by the lengths of its sequences:
 *
 *     sequence = token [literal-length] *literal [distance match-length]   ; the last one ends after its literals
 */
const lz4BlockBytes = (block: Buffer): number => {
  let bytes = 0;
  for (let at = 0; at < block.length; ) {
    const token = block[at++] as number;
    let literals = token >>> 4;
    if (literals === 15) for (let more = 255; more === 255; literals += more) more = block[at++] ?? 0;
    at += literals;
    bytes += literals;
    if (at >= block.length) break;
    at += 2;
    let match = token & 15;
    if (match === 15) for (let more = 255; more === 255; match += more) more = block[at++] ?? 0;
    bytes += match + 4;
  }
  return bytes;
};

const unlz4AnyFrame = async (compressed: Buffer): Promise<Buffer> => {
  assertFits(lz4BytesMax(compressed));
  return compressed.length <= inPlaceBytesMax
    ? lz4.decompressFrameSync(compressed)
    : lz4.decompressFrame(compressed);
};

/** The most that a frame can become, by the sizes of its blocks. */
const lz4BytesMax = (frame: Buffer): number => {
  const flags = frame.readUInt8(4);
  const blockBytesMax = 1 << (8 + 2 * ((frame.readUInt8(5) >> 4) & 7));
  const checksumBytes = (flags & 0x10) === 0 ? 0 : 4;
  let total = 0;
  for (let at = 7 + ((flags & 8) === 0 ? 0 : 8) + ((flags & 1) === 0 ? 0 : 4); at + 4 <= frame.length; ) {
    const length = frame.readUInt32LE(at);
    if (length === 0) break;
    const bytes = length & 0x7fff_ffff;
    total += length > 0x7fff_ffff ? bytes : Math.min(blockBytesMax, bytes * 255);
    at += 4 + bytes + checksumBytes;
  }
  return total;
};

/** The first bytes of a frame by the largest block that it may have. The last byte is the checksum of the two before. */
const frameHeaders = [
  { blockBytesMax: 64 * 1024, bytes: Buffer.from('04224d18604082', 'hex') },
  { blockBytesMax: 256 * 1024, bytes: Buffer.from('04224d186050fb', 'hex') },
  { blockBytesMax: 1024 * 1024, bytes: Buffer.from('04224d18606051', 'hex') },
  { blockBytesMax: 4 * 1024 * 1024, bytes: Buffer.from('04224d18607073', 'hex') },
];
const endMark = Buffer.alloc(lengthBytes);

/** A frame of one block, or of several where the batch is larger than a block may be. */
export const toLz4 = async (batch: Buffer): Promise<Buffer> => {
  const header =
    frameHeaders.find(({ blockBytesMax }) => batch.length <= blockBytesMax) ?? frameHeaders.at(-1);
  if (header === undefined) throw new Error('no frame header');
  const pieces: Buffer[] = [header.bytes];
  for (let from = 0; from < batch.length; from += header.blockBytesMax) {
    const part = batch.subarray(from, from + header.blockBytesMax);
    // The library writes the size of the block before it, where the frame has the length of the compressed bytes.
    const sized = part.length <= inPlaceBytesMax ? lz4.compressSync(part) : await lz4.compress(part);
    const isSmaller = sized.length - lengthBytes < part.length;
    sized.writeUInt32LE(isSmaller ? sized.length - lengthBytes : part.length + isStored);
    pieces.push(isSmaller ? sized : sized.subarray(0, lengthBytes), ...(isSmaller ? [] : [part]));
  }
  pieces.push(endMark);
  return Buffer.concat(pieces);
};

/**
 * Java's clients wrap snappy in xerial's framing, librdkafka and kafkajs do not:
 *
 *     xerial = %x82 "SNAPPY" %x00 version compatible-version *( length block )
 *     version = compatible-version = length = 4 bytes, big-endian
 */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const xerialHeaderBytes = 16;

const unsnappy = async (compressed: Buffer): Promise<Buffer> => {
  if (!compressed.subarray(0, xerialMagic.length).equals(xerialMagic)) return unsnap(compressed);
  const blocks: Buffer[] = [];
  let total = 0;
  for (let at = xerialHeaderBytes; at < compressed.length; ) {
    const length = compressed.readUInt32BE(at);
    const block = await unsnap(compressed.subarray(at + 4, at + 4 + length));
    total += block.length;
    assertFits(total);
    blocks.push(block);
    at += 4 + length;
  }
  return Buffer.concat(blocks);
};

const unsnap = async (block: Buffer): Promise<Buffer> => {
  let length = 0;
  for (let at = 0; at < 5; at += 1) {
    const byte = block.readUInt8(at);
    length += (byte & 127) * 128 ** at;
    if (byte < 128) break;
  }
  assertFits(length);
  return (await snappy.uncompress(block, { asBuffer: true })) as Buffer;
};

type NativeZstd = {
  zstdDecompress?(from: Buffer, options: object, done: (error: Error | null, to: Buffer) => void): void;
};

/** Node has zstd from 22.15 on; older versions decompress in JavaScript, at a tenth of the speed. */
const unzstandard = async (compressed: Buffer): Promise<Buffer> => {
  const native = (zlib as NativeZstd).zstdDecompress;
  if (native !== undefined)
    return (promisify(native) as typeof gunzip)(compressed, { maxOutputLength: batchBytesMax });
  assertFits(zstdBytesMax(compressed));
  const bytes = unzstd(compressed);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};

/**
 * The most that zstd frames need when decompressed (https://datatracker.ietf.org/doc/html/rfc8878#section-3.1): their
 * windows, and by the headers of their blocks what these become.
 */
const zstdBytesMax = (frames: Buffer): number => {
  const blockBytesMax = 128 * 1024;
  let total = 0;
  for (let at = 0; at < frames.length; ) {
    const magic = frames.readUInt32LE(at);
    if (magic >>> 4 === 0x184d2a5) {
      at += 8 + frames.readUInt32LE(at + 4);
      continue;
    }
    if (magic !== 0xfd2fb528) throw new Error('not a zstd frame');
    const flags = frames.readUInt8(at + 4);
    const isSingleSegment = (flags & 0x20) !== 0;
    const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][flags >> 6] as number;
    const windowLog = isSingleSegment ? 0 : 10 + (frames.readUInt8(at + 5) >> 3);
    total += isSingleSegment ? 0 : 2 ** windowLog;
    at += 5 + (isSingleSegment ? 0 : 1) + ([0, 1, 2, 4][flags & 3] as number) + sizeBytes;
    for (let isLast = false; !isLast; ) {
      const header = frames.readUIntLE(at, 3);
      const bytes = header >>> 3;
      const kind = (header >>> 1) & 3;
      isLast = (header & 1) === 1;
      total += kind === 2 ? blockBytesMax : bytes;
      at += 3 + (kind === 1 ? 1 : bytes);
    }
    at += (flags & 4) === 0 ? 0 : 4;
  }
  return total;
};

const assertFits = (bytes: number): void => {
  if (bytes > batchBytesMax)
    throw new Error(`a batch that may become ${bytes} bytes when decompressed, more than ${batchBytesMax}`);
};

const decompressors: Readonly<Record<number, (compressed: Buffer) => Promise<Buffer>>> = {
  [CompressionTypes.None]: async (stored) => stored,
  [CompressionTypes.GZIP]: ungzip,
  [CompressionTypes.Snappy]: unsnappy,
  [CompressionTypes.LZ4]: unlz4,
  [CompressionTypes.ZSTD]: unzstandard,
};

/** The records of a batch. `compression` is the lowest three bits of the batch's attributes. */
export const decompress = async (compression: number, stored: Buffer): Promise<Buffer> => {
  const codec = decompressors[compression];
  if (codec === undefined) throw new Error(`compression ${compression} is not known`);
  return codec(stored);
};

/** Enables kafkajs to write LZ4 and snappy. Consumers decompress with `decompress`. */
export const registerCodecs = (): void => {
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => toLz4(buffer),
    decompress: unlz4,
  });
  CompressionCodecs[CompressionTypes.Snappy] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => snappy.compress(buffer),
    decompress: unsnappy,
  });
};
