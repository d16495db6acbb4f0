import { randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import kafkajs from 'kafkajs';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { describe, expect, test } from 'vitest';
import { batchBytesMax, decompress, toLz4 } from '#platform/messaging/kafkajs-codecs';

const { CompressionTypes } = kafkajs;
const text = Buffer.from('a shop whose every event is a row. '.repeat(50));
const large = Buffer.concat(Array.from({ length: 200 }, () => text));

describe('a batch is decompressed', () => {
  test.each([
    ['not at all', CompressionTypes.None, async (data: Buffer) => data],
    ['with gzip', CompressionTypes.GZIP, async (data: Buffer) => gzipSync(data)],
    ['with snappy', CompressionTypes.Snappy, (data: Buffer) => snappy.compress(data)],
    ['with lz4', CompressionTypes.LZ4, (data: Buffer) => lz4.compressFrame(data)],
    [
      'with lz4 and a checksum of the content',
      CompressionTypes.LZ4,
      (data: Buffer) => lz4.compressFrame(data, { contentChecksum: true }),
    ],
    ['with lz4 as our producer writes it', CompressionTypes.LZ4, toLz4],
  ])('%s, small and large', async (_name, compression, compress) => {
    for (const data of [Buffer.alloc(0), text, large])
      expect((await decompress(compression, await compress(data))).equals(data)).toBe(true);
  });

  test("with snappy in xerial's framing, in which Java writes it", async () => {
    const block = async (data: Buffer) => {
      const compressed = await snappy.compress(data);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(compressed.length);
      return Buffer.concat([length, compressed]);
    };
    const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    const framed = Buffer.concat([header, await block(text), await block(large)]);
    const read = await decompress(CompressionTypes.Snappy, framed);
    expect(read.equals(Buffer.concat([text, large]))).toBe(true);
  });

  test('with lz4, what our producer writes of any size, and others read it too', async () => {
    const sizes = [0, 1, 15, 300, 65_536, 65_537, 262_145, 1_048_577, 4_194_304, 9_000_000];
    for (const size of sizes)
      for (const batch of [Buffer.alloc(size, 'wicker heart '), randomBytes(size)]) {
        const frame = await toLz4(batch);
        expect((await decompress(CompressionTypes.LZ4, frame)).equals(batch)).toBe(true);
        expect((await lz4.decompressFrame(frame)).equals(batch)).toBe(true);
      }
  });

  test("with zstd, as Java's producer writes it, also in several frames", async () => {
    const read = String(await decompress(CompressionTypes.ZSTD, written));
    expect(read).toHaveLength(readLength);
    expect(read.startsWith('event 0 of shopper ')).toBe(true);
    expect(read.endsWith(', looked at a lantern; ')).toBe(true);
    expect(read.match(/event \d+ of shopper \d+, looked at a lantern; /g)?.join('')).toBe(read);
    expect(read.match(/event /g)).toHaveLength(400);
    const twice = await decompress(CompressionTypes.ZSTD, Buffer.concat([written, written]));
    expect(String(twice)).toBe(read + read);
  });
});

describe('a batch is refused', () => {
  const zeros = Buffer.alloc(batchBytesMax + 1);

  test.each([
    ['gzip', CompressionTypes.GZIP, async () => gzipSync(zeros)],
    ['snappy', CompressionTypes.Snappy, () => snappy.compress(zeros)],
    ['lz4', CompressionTypes.LZ4, () => lz4.compressFrame(zeros)],
    ['zstd', CompressionTypes.ZSTD, async () => bomb],
  ])('when it becomes larger than the bound: %s', async (_name, compression, compress) => {
    const compressed = await compress();
    expect(compressed.length).toBeLessThan(4 * 1024 * 1024);
    const before = process.memoryUsage().arrayBuffers;
    await expect(decompress(compression, compressed)).rejects.toThrow();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * batchBytesMax);
  });

  test.each([
    ['gzip', CompressionTypes.GZIP],
    ['snappy', CompressionTypes.Snappy],
    ['lz4', CompressionTypes.LZ4],
    ['zstd', CompressionTypes.ZSTD],
  ])('when it is damaged or cut off: %s', async (_name, compression) => {
    const intact = {
      [CompressionTypes.GZIP]: gzipSync(text),
      [CompressionTypes.Snappy]: await snappy.compress(text),
      [CompressionTypes.LZ4]: await lz4.compressFrame(text),
      [CompressionTypes.ZSTD]: written,
    }[compression as number] as Buffer;
    await expect(decompress(compression, Buffer.from('no frame at all'))).rejects.toThrow();
    await expect(decompress(compression, intact.subarray(0, intact.length >> 1))).rejects.toThrow();
  });

  test('when its codec is not known', async () => {
    await expect(decompress(7, text)).rejects.toThrow('compression 7 is not known');
  });
});

/** 400 sentences, compressed by zstd-jni 1.5.6, the library of Kafka's own clients, as a stream. */
const written = Buffer.from(
  'KLUv/QBYjToApjhtF6C30AFATL6d234HVbNeSilTSqnyrV/BdQBnAF8Art3cz4tJLuJ4F/dua9s1+axZYqGOT0nK8vveXbXCWcuN' +
    'UlHmRE+Vcs48S0SzSBNruBkddbZRZC9vq9GYcTPG3Nc4UVmGpOT8oLon07IVAhIHh0XCgCgYCgtDQeBQoFAgCgBSFg4OBgYKAoTC' +
    'gKIwCovEIeEQ3Sj7No9DuKKpzWizt1mlYx0bHfs4NmMzNsYxkY+Ra+ynqqGqd2p4pEZ91fVi1XAVEW0ICclPU2USmtLQkDzaIKrX' +
    'rDQjZ0qmH88zrXDGY1qnzaCMXoaWIlWkKBePyHwnf/ngb/qYPexMKg5ZkpDlhqwizpAcMhJJUk7aMyzrEpo1ksIVaQ5NkjRZCk+u' +
    'PO/bdDUyj9R5lRG9r5N9HaPPyGQiNSbzNqLVNqR9Xd1y6faN1Wo1jxtX4m3UN9fYrRtHhiVEjpsJVF2r1dKldafS1q60baftlCKt' +
    'tOVKe2qlrXbIpetS25PHdcuWr7Yv2VJbu63HdO1LZdfX7etK677tlPrKqJDJYglLYsmTL7uN5CmkWSR5msOd5ElUPIf/aZIdH4Mf' +
    'qPIJT+//GSILRhAGxEgU+wESUBA4haNkBK8QyCBse2pEzC1V6O+/+pVwXEKpi3pKlUSgdtbB9sZ7LTs82CKWQCFowRKHtCiWUDKE' +
    'WJK0PbGkm+juv0pckhoTQCwx4lFhSbMoOXQPYYm8NpqhaPCOJXIk2GFJMsB2JRIJUNVk5a/k+BBtQ7L7UolBQcUr2QiJxhKer4ks' +
    'qW1FsaSO/MHx2SxZIlNLfSdLfK8nZ4kfZtBZQqKHyfjIs4QhqkjU/7jLki9zZNeVLEsi/6euJaGGNJNdMy0R/71qycpLcVrC5Eep' +
    'PaTYEnqz7ZbpcrY4uJLoN29HtEVvSS5v8rYE9I8ZrwQDS15L6qLa7ezSsrZAXrZ+SfeBGOWV6NTMDBArtKRHk9sWq6FXQkICpVdy' +
    '+Pb1aYC0ZHYr0FeC9Y4wOFStLLG4f88SoOFWafb7lZih2Nr/lbTBOXglRwctrkRDiT/zY1JfSYkx/UqQzO+VVKtP3TWX0Cuh6SpX' +
    'gs0ltxIGw6uVpNNFVoJHkraSXVAIrYTPPdyvJBzB8Uo6o5+yEhM8uIcGKzFOyVbSZ95biQKg5PZhbQtUHTFYu5VM0pFVUdPXsxLf' +
    'EUArsYIfbiU8DfbZyIqVeLSiVnKeqZQI6ks0sVMd3a06YDuwEkqXQb8nyW6TLYlEquSG6YAqyZ+qUgnbG/7wxlpXyawZnqvkhTMq' +
    'XAjVvpUAzsNmKLG8laT5jXAlIj/2lXyT9VdyThe+kvGUhlsYoHuJCVdSaebqlZwmK0f3ZLqSuTuhaulk40o7mPSvpJTfTydg1oZS' +
    '8Ur8XEq1gHWjA3biSu4joMzMjtew0SpWsiL+XUk1u/orgRsE0bpxDYbNbYmOeP3dafVotF2w5JyxPiwJMZMgQAuJT7BkalfDkg1w' +
    'CECQJcngQcwCI82SnX6olmwRMC4hWXwISoEyniEidCrZEuaoGKB2kgbckqy+tSXwuxHZe7XbEsfyFJc4nHcusbAEhWw5uETEjz0u' +
    'gV4jwiC5cAl7DsQlW4gHuCS9d8wl9wwBLvmkKlxSJYo42euLFtgtYfgzaMmCvjZLlnMwLJkDvCu5brUSUnhXJRV/KglQaKYE4wxL' +
    'CZCXUUKacqCk2ye5lE6SG5pkyg2LSfbzedTgcS2JZ/ypJMtjniT8MpIs8Y4E0dNrJIUdE1skRcPkM4hy6GzZPUFISkk3CZJPG9oL' +
    'JBJ4rdZsZuaCykZpE9nZlx3xk4MdGU4wOoLZBDZHAAwIPI48NdsbCT9tJJnvXSNoIkEaIfVnpHIZIyO89ZYdm8eNYUS+7/NXCvsj' +
    'dbeImQ2+IoT+wBWBkmBURR5utBQJRRRpnp2Ix081EdOSPRK5Gy9HpBblLSL8xAQhQvQh1Ux/70MYIhgeokk7RAqtDxxyHROOxYRQ' +
    'Qz50sE/2e//hC/k9Yi1kJQFm2Y1AWDbiZOZlIwPrgzRXDnJ3jlievRfET2IVxJV0ThA+t1wEkRR/ciDYPgOJU0MKJEuRRiBA0ICI' +
    'lI8CAqiMpLKL7FhhKSObZ4e9kXLs8jHXfElYj+NZrQfVxaklEa72uTWNcaVPCWdn2UJxtiAv0UHdsSN0z7wJCz072ZHbb3RO8VAJ' +
    'WqFnZzs3lzVx1SwZReTAXks7L38knI6Swel/9cLGlCNwLam4Nsu/FJFW9ItRo39e++qbKacj6eOK15MeZvORVYEn77BETQvwvbeO' +
    'p9rxi6UFr8ha9HfIefaUH1UMPxC0PWAWz5LQf8uswtzo/KwLGdhHPzI+QsPxZwyoZZVQH2tpw1hV0OAzKAa5/GPAShKFVXHLhLs9' +
    'fIDBNU4tHzmsnPyGHRf+J9ARkfiVQQN2kZ95VrbofJdsvslgTnpkmTlX+eFv38gFxxzTMjQ+OylWGmJn+STDRjHrXKvW8+dwTr0A' +
    'ATNNCgHjVg==',
  'base64',
);
const readLength = 18_662;

/** 200 MiB of zeros, compressed by the same. */
const bomb = gunzipSync(
  Buffer.from(
    'H4sIADhXCmsC/+3GsQ2AIAAEwIcJHIPOmj0sXNSevYwB5yBXXHLtOb/cV3IkJe/so9b/AAAAAAAAuyjJAn/zPecSGQAA',
    'base64',
  ),
);
