import { loginHeader, withoutLogin } from '#platform/http/url-login';
import type { PlatformLinks } from './platform-links.js';

const askMsMax = 700;
const freshMs = 2_000;

/** Whether each tool beside the shop answers; null where the gateway has no address to ask it at. */
export type ToolAnswers = { zipkin: boolean | null; prometheus: boolean | null; mailbox: boolean | null };

/**
 * Asks the tools, once for all who want it within two seconds. The shop works without them, so they are no part of its
 * health. Where a page of Zipkin is set, the browser's addresses are not those of the gateway's network, and the others
 * cannot be asked.
 */
export const createToolAnswers = (
  links: Pick<PlatformLinks, 'prometheusUrl' | 'mailboxUrl'> & {
    zipkinUrl?: string | undefined;
    zipkinPageUrl?: string | undefined;
  },
): (() => Promise<ToolAnswers>) => {
  const { zipkinUrl, zipkinPageUrl, prometheusUrl, mailboxUrl } = links;
  const own = (url: string | undefined): string | undefined =>
    zipkinPageUrl === undefined ? url : undefined;
  let asked: { atMs: number; answers: Promise<ToolAnswers> } | undefined;

  const ask = async (): Promise<ToolAnswers> => {
    const [zipkin, prometheus, mailbox] = await Promise.all(
      [zipkinUrl, own(prometheusUrl), own(mailboxUrl)].map(answersAt),
    );
    return { zipkin: zipkin ?? null, prometheus: prometheus ?? null, mailbox: mailbox ?? null };
  };

  return () => {
    const atMs = performance.now();
    if (asked === undefined || atMs - asked.atMs > freshMs) asked = { atMs, answers: ask() };
    return asked.answers;
  };
};

/** Any answer will do: what is asked is whether a link leads anywhere. */
const answersAt = async (url: string | undefined): Promise<boolean | null> => {
  if (url === undefined) return null;
  try {
    const answer = await fetch(withoutLogin(url), {
      headers: loginHeader(url),
      redirect: 'manual',
      signal: AbortSignal.timeout(askMsMax),
    });
    await answer.body?.cancel();
    return true;
  } catch {
    return false;
  }
};
