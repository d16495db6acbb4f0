import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { problem } from './problem-details.js';

/** A strong validator of a resource's version: quoted, from a version number or from a digest of the body. */
export const etagOf = (version: number | string | object): string =>
  typeof version === 'object'
    ? `"${createHash('sha256').update(JSON.stringify(version)).digest('base64url').slice(0, 22)}"`
    : `"${version}"`;

/** The `response` entry of a route that uses `sendWithEtag`: `response: { 200: …, ...notModified }`. */
export const notModified = { 304: z.undefined().describe('Unchanged since the version in If-None-Match.') };

/**
 * Sets `ETag` and answers 304 where `If-None-Match` names it; else sends `body`.
 * `return sendWithEtag(request, reply, etagOf(thing.version), body)`
 */
export const sendWithEtag = <R extends { header(name: string, value: string): unknown }>(
  request: Pick<FastifyRequest, 'headers'>,
  reply: R,
  etag: string,
  body: unknown,
): R => {
  if (!sendUnchanged(request, reply, etag)) (reply as unknown as FastifyReply).send(body);
  return reply;
};

/**
 * Sets `ETag` and answers 304 where `If-None-Match` names it; false where the body is left to send, for answers with headers
 * that only their body needs.
 */
export const sendUnchanged = (
  request: Pick<FastifyRequest, 'headers'>,
  reply: { header(name: string, value: string): unknown },
  etag: string,
): boolean => {
  // The reply is typed by its route's schema, which this function serves for all of them.
  const answer = reply as unknown as FastifyReply;
  answer.header('etag', etag);
  const isKnown = isUnchanged(request, etag);
  if (isKnown) answer.code(304).send();
  return isKnown;
};

/** True where `If-None-Match` names the version. */
export const isUnchanged = (request: Pick<FastifyRequest, 'headers'>, etag: string): boolean => {
  const asked = request.headers['if-none-match'];
  return asked !== undefined && listed(asked, etag, 'weak');
};

export const ifMatchMissing = () =>
  problem(428, 'if_match_required', 'Send If-Match with the ETag of the version this update is based on.');

/**
 * Refuses an update that is based on an old version: 428 without `If-Match`, 412 when it names another version.
 * Routes that call it declare `requires: ['if-match']`, which answers 428 before the body is read.
 */
export const assertIfMatch = (request: Pick<FastifyRequest, 'headers'>, etag: string): void => {
  const asked = request.headers['if-match'];
  if (asked === undefined) throw ifMatchMissing();
  if (!listed(asked, etag, 'strong'))
    throw problem(412, 'stale_version', 'The resource has changed since that version.');
};

/**
 * A validator of a resource that shows more than its version counts, such as prices that change without it:
 * `"<version>.<rest>"`. Its updates are checked by `assertVersion`.
 */
export const versionedEtag = (version: number, rest: string | object): string =>
  `"${version}.${typeof rest === 'string' ? rest : etagOf(rest).slice(1, -1)}"`;

/**
 * Refuses an update with 412 where `If-Match` is sent and names no tag of this version, whatever the tags say of the
 * rest. A route that must not be called without it declares `requires: ['if-match']`.
 */
export const assertVersion = (request: { headers: { 'if-match'?: unknown } }, version: number): void => {
  const asked = request.headers['if-match'];
  if (asked === undefined) return;
  const header = String(asked).replaceAll(restOfTag, '"$1"');
  assertIfMatch({ headers: { 'if-match': header } }, etagOf(version));
};

const restOfTag = /"(\d{1,10})\.[\w.-]{1,64}"/g;

const listed = (header: string, etag: string, comparison: 'strong' | 'weak'): boolean =>
  header.trim() === '*' ||
  header
    .split(',')
    .some((one) => (comparison === 'weak' ? one.trim().replace(/^W\//, '') : one.trim()) === etag);
