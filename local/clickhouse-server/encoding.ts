import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';
import { refusal } from './failure.js';

/** The decompressed body. Its size is unknown if it was compressed. */
export const decodedBody = (request: IncomingMessage): { body: Readable; bytes: number | undefined } => {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  const length = request.headers['content-length'];
  switch (encoding) {
    case 'identity':
      return { body: request, bytes: length === undefined ? undefined : Number(length) };
    case 'gzip':
      return { body: request.pipe(createGunzip()), bytes: undefined };
    case 'deflate':
      return { body: request.pipe(createInflate()), bytes: undefined };
    case 'br':
      return { body: request.pipe(createBrotliDecompress()), bytes: undefined };
    default:
      throw refusal(69, 'UNKNOWN_COMPRESSION_METHOD', 400, `Unknown content encoding ${encoding}`);
  }
};

/** The encoding of the answer: one that the client accepts, and only if it requested compression. */
export const answerEncoding = (
  wanted: boolean,
  accepted: string | undefined,
): { name: string; encoder: () => Transform } | undefined => {
  if (!wanted || accepted === undefined) return undefined;
  // Level 1, because client and server share a machine: bytes are cheap, and processor time is not.
  if (/\bgzip\b/.test(accepted)) return { name: 'gzip', encoder: () => createGzip({ level: 1 }) };
  if (/\bdeflate\b/.test(accepted)) return { name: 'deflate', encoder: () => createDeflate({ level: 1 }) };
  return undefined;
};
