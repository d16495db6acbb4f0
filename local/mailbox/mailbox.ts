import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { envSchema, setting } from '#platform/config';
import { openFront } from '#platform/service';
import type { Component, Host, Service } from '#platform/service-host';
import { createLetters, type Letters } from './letters.js';
import { mailboxRoutes } from './routes.js';

const lettersMax = 500;
const letterBytesMax = 1_048_576;

const config = envSchema({
  port: ['MAILBOX_PORT', setting.port],
  smtpPort: ['MAILBOX_SMTP_PORT', setting.port],
});

type MailboxConfig = Readonly<ReturnType<typeof config.parse>>;

/** Receives all mail of the local platform, delivers none, and shows it on a page. */
export const mailbox: Service<MailboxConfig> = {
  name: 'mailbox',
  config,
  build: ({ port, smtpPort }, host) => {
    const letters = createLetters(lettersMax);
    host.use(createReceiver(host, letters, smtpPort));
    mailboxRoutes(openFront(host, { port }), letters);
  },
};

const createReceiver = (
  host: Pick<Host, 'clock' | 'logger' | 'listenAddress'>,
  letters: Letters,
  smtpPort: number,
): Component & { port(): number } => {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    size: letterBytesMax,
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= letterBytesMax) chunks.push(chunk);
      });
      stream.on('end', () => {
        if (bytes > letterBytesMax)
          return done(Object.assign(new Error('the message is too large'), { responseCode: 552 }));
        const to = session.envelope.rcptTo.map(({ address }) => address.toLowerCase());
        PostalMime.parse(Buffer.concat(chunks))
          .then(({ messageId = '', from, subject = '', text = '', html = '' }) => {
            const receivedAt = new Date(host.clock.nowMs()).toISOString();
            letters.add({ messageId, from: from?.address ?? '', to, subject, text, html, receivedAt });
            done();
          })
          .catch((error: unknown) => done(error as Error));
      });
    },
  });
  server.on('error', (error) => host.logger.debug({ err: error }, 'smtp connection failed'));
  return {
    name: 'smtp',
    port: () => (server.server.address() as { port: number }).port,
    start: () =>
      new Promise((resolve, reject) => {
        server.server.once('error', reject);
        server.listen(smtpPort, host.listenAddress, () => {
          server.server.off('error', reject);
          resolve();
        });
      }),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
};
