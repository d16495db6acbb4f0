import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import { registerCodecs } from '#platform/messaging/kafkajs-codecs';

registerCodecs();
type Codec = {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(data: Buffer): Promise<Buffer>;
};
const codec = (type: number): Codec =>
  (kafkajs.CompressionCodecs as unknown as Record<number, () => Codec>)[type]?.() as Codec;
const text = Buffer.from('a shop whose every event is a row. '.repeat(50));
const large = Buffer.concat(Array.from({ length: 200 }, () => text));

test.each([
  ['gzip', kafkajs.CompressionTypes.GZIP],
  ['snappy', kafkajs.CompressionTypes.Snappy],
  ['lz4', kafkajs.CompressionTypes.LZ4],
])('%s gives back what it was given, small and large', async (_name, type) => {
  for (const data of [Buffer.alloc(0), text, large]) {
    const compressed = await codec(type).compress({ buffer: data });
    if (data.length > 0) expect(compressed.length).toBeLessThan(data.length);
    expect((await codec(type).decompress(compressed)).equals(data)).toBe(true);
  }
});

test("snappy reads xerial's framing, in which Java writes it", async () => {
  const { compress, decompress } = codec(kafkajs.CompressionTypes.Snappy);
  const block = async (data: Buffer) => {
    const compressed = await compress({ buffer: data });
    const length = Buffer.alloc(4);
    length.writeUInt32BE(compressed.length);
    return Buffer.concat([length, compressed]);
  };
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  const framed = Buffer.concat([header, await block(text), await block(large)]);
  expect((await decompress(framed)).equals(Buffer.concat([text, large]))).toBe(true);
});
