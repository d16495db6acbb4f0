import * as zlib from 'node:zlib';
import kafkajs from 'kafkajs';
import lz4 from 'lz4-napi';
import snappy from 'snappy';

const { CompressionCodecs, CompressionTypes } = kafkajs;

type Encoder = { buffer: Buffer };
type Codec = {
  compress(encoder: Encoder): Promise<Buffer>;
  decompress(compressed: Buffer): Promise<Buffer>;
};

/** Above this a thread of the pool pays off, and the event loop stays free. */
const inPlaceBytesMax = 64 * 1024;

const lz4Codec: Codec = {
  compress: async ({ buffer }) =>
    buffer.length <= inPlaceBytesMax ? lz4.compressFrameSync(buffer) : lz4.compressFrame(buffer),
  decompress: async (compressed) =>
    compressed.length <= inPlaceBytesMax
      ? lz4.decompressFrameSync(compressed)
      : lz4.decompressFrame(compressed),
};

const snappyCodec: Codec = {
  compress: ({ buffer }) => snappy.compress(buffer),
  decompress: (compressed) => (isXerial(compressed) ? unwrapXerial(compressed) : unsnap(compressed)),
};

/**
 * Java's clients wrap snappy in xerial's framing, librdkafka and kafkajs do not:
 *
 *     xerial = %x82 "SNAPPY" %x00 version compatible-version *( length block )
 *     version = compatible-version = length = 4 bytes, big-endian
 */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const xerialHeaderBytes = 16;

const isXerial = (compressed: Buffer): boolean =>
  compressed.subarray(0, xerialMagic.length).equals(xerialMagic);

const unwrapXerial = async (framed: Buffer): Promise<Buffer> => {
  const blocks: Buffer[] = [];
  for (let at = xerialHeaderBytes; at < framed.length; ) {
    const length = framed.readUInt32BE(at);
    blocks.push(await unsnap(framed.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return Buffer.concat(blocks);
};

const unsnap = async (block: Buffer): Promise<Buffer> =>
  (await snappy.uncompress(block, { asBuffer: true })) as Buffer;

type Zstd = { zstdCompressSync?(data: Buffer): Buffer; zstdDecompressSync?(data: Buffer): Buffer };

/** Node brings zstd from 22.15 on. */
const zstdCodec: Codec = {
  compress: async ({ buffer }) => {
    const compress = (zlib as Zstd).zstdCompressSync;
    if (compress === undefined) throw new Error('writing zstd needs Node 22.15');
    return compress(buffer);
  },
  decompress: async (compressed) => {
    const decompress = (zlib as Zstd).zstdDecompressSync;
    if (decompress === undefined) throw new Error('reading zstd needs Node 22.15');
    return decompress(compressed);
  },
};

/** Teaches kafkajs, which knows gzip alone, what other clients may have written. */
export const registerCodecs = (): void => {
  CompressionCodecs[CompressionTypes.LZ4] = () => lz4Codec;
  CompressionCodecs[CompressionTypes.Snappy] = () => snappyCodec;
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstdCodec;
};
