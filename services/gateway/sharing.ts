import { decodeSharedAnswer, sharedAnswerHeader } from '#platform/http/shared-answer';
import { answerBytesMax } from './catalogue-cache.js';
import type { SharedAnswers } from './shared-answers.js';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** True for an answer that its service lets others have too, if it is not too large. */
export const mayBeShared = (status: number, headers: Headers): boolean =>
  status === 200 &&
  headers[sharedAnswerHeader] !== undefined &&
  Number(headers['content-length']) <= answerBytesMax;

/** Keeps the answer to a GET if others may have it. */
export const keepShared = (
  shared: Pick<SharedAnswers, 'keep'>,
  {
    url,
    route,
    status,
    headers,
    body,
  }: { url: string; route: string; status: number; headers: Headers; body: string | Buffer },
): void => {
  if (!mayBeShared(status, headers)) return;
  const sharing = decodeSharedAnswer(headers[sharedAnswerHeader]);
  const { 'content-type': contentType, 'content-length': length, vary } = headers;
  if (sharing === undefined || typeof contentType !== 'string') return;
  // A copy, since the bytes are part of all that came with them.
  const own = typeof body === 'string' ? body : Buffer.from(body);
  const answer = { body: own, contentType, length: String(length), route };
  shared.keep(url, vary === undefined ? answer : { ...answer, vary: String(vary) }, sharing);
};
