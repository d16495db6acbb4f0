import { PlatformError } from '#platform/errors';
import type { Channel } from './channel.js';

const timeoutMs = 10_000;
const tooManyRequests = 429;

export type SmsAccount = { baseUrl: string; accountSid: string; authToken: string; from: string };

/** Sends by Twilio's API, or by any other service with the same one. */
export const createSms = ({ baseUrl, accountSid, authToken, from }: SmsAccount): Channel<'sms'> => {
  const url = `${baseUrl}/2010-04-01/Accounts/${encodeURIComponent(accountSid)}/Messages.json`;
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;
  return {
    name: 'sms',
    send: async ({ short }, { phone }, id) => {
      let status: number;
      try {
        const answer = await fetch(url, {
          method: 'POST',
          headers: { authorization, 'i-twilio-idempotency-token': id },
          body: new URLSearchParams({ To: phone, From: from, Body: short }),
          redirect: 'error',
          signal: AbortSignal.timeout(timeoutMs),
        });
        await answer.arrayBuffer();
        ({ status } = answer);
      } catch (error) {
        throw away('no answer', error);
      }
      if (status < 300) return { status: 'sent' };
      // What is wrong with the account is not the message's fault.
      if (status >= 500 || status === tooManyRequests || status === 401 || status === 403)
        throw away(`answered ${status}`);
      return { status: 'refused', reason: `sms_${status}` };
    },
    close: async () => {},
  };
};

const away = (what: string, cause?: unknown): PlatformError =>
  new PlatformError('dependency_unavailable', `sms: ${what}`, { retriable: true, cause });
