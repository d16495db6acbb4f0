import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';
import { refusal } from './failure.js';

/** The body as the client meant it. Unsized when it came compressed. */
export function decodedBody(request: IncomingMessage): { body: Readable; bytes: number | undefined } {
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
}

/** How to encode the answer: by what the client accepts, and only when it asked for compression. */
export function answerEncoding(
  wanted: boolean,
  accepted: string | undefined,
): { name: string; encoder: () => Transform } | undefined {
  if (!wanted || accepted === undefined) return undefined;
  // Level 1: both ends share one machine, so bytes are cheap and the processor is not.
  if (/\bgzip\b/.test(accepted)) return { name: 'gzip', encoder: () => createGzip({ level: 1 }) };
  if (/\bdeflate\b/.test(accepted)) return { name: 'deflate', encoder: () => createDeflate({ level: 1 }) };
  return undefined;
}
