import { createTransport } from 'nodemailer';
import { PlatformError } from '#platform/errors';
import { type Channel, TargetAway } from './channel.js';

const connectionsMax = 2;
const timeoutMs = 10_000;
/** A mail has so long for all of it, the wait for a connection too: half of what an attempt holds it for. */
const wholeMsMax = 30_000;

/**
 * Sends by SMTP, over connections that are kept open. A message's id is its Message-ID, so a repeat is recognised. Each
 * is sent within `sendMsMax` or not at all: mails that wait for a server that says nothing would keep the worker from
 * what other channels have to send.
 */
export const createEmail = (smtpUrl: string, from: string, sendMsMax = wholeMsMax): Channel<'email'> => {
  const transport = createTransport({
    url: smtpUrl,
    pool: true,
    maxConnections: connectionsMax,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    name: 'email',
    send: async ({ subject, text, html }, { email, name }, id) => {
      try {
        await transport.sendMail({
          from,
          to: { name, address: email },
          subject,
          text,
          html,
          messageId: `<${id}@cartstream>`,
          headers: { 'Auto-Submitted': 'auto-generated' },
          signal: AbortSignal.timeout(sendMsMax),
        });
        return { status: 'sent' };
      } catch (error) {
        const { responseCode = 0, code = '' } = error as { responseCode?: number; code?: string };
        // Before the envelope an answer is about the server, not about the message; so is 421, by which it closes.
        const isOfMessage = (code === 'EENVELOPE' || code === 'EMESSAGE') && responseCode !== 421;
        // RFC 5321: an answer of 5yz is final.
        if (isOfMessage && responseCode >= 500) return { status: 'refused', reason: `smtp_${responseCode}` };
        const what = `smtp: ${code || 'failed'} ${responseCode}`;
        // A full mailbox is nobody else's; nor is the server away because a mail was too far behind in its line.
        if (isOfMessage || code === 'EABORT') throw new TargetAway(what, error);
        throw new PlatformError('dependency_unavailable', what, { retriable: true, cause: error });
      }
    },
    close: async () => transport.close(),
  };
};
