import { type Html, html } from '#platform/html';
import { decimalsOf } from '#schemas/currency';
import type { Data, Template } from './notification.js';

/** A message in the forms that the channels need. */
export type Message = {
  /** One line. */
  subject: string;
  text: string;
  html: string;
  /** For SMS and push: a sentence or two. */
  short: string;
};

export type MessageInput = {
  template: Template;
  orderId: string | null;
  data: Data;
  /** How the recipient wants to be addressed. */
  name: string;
  /** Whether the recipient ordered without an account. */
  isGuest: boolean;
  /** The shop's address without a trailing slash, for links; without it messages have none. */
  shopUrl: string | undefined;
};

type Content = {
  subject: string;
  /** Plain text, each of one paragraph. */
  paragraphs: string[];
  link?: Link;
};

type Link = {
  title: string;
  path: string;
  /** What a guest should know of it. */
  guestNote?: string;
};

const shortCharsMax = 300;
const subjectCharsMax = 150;

const reasons: Readonly<Record<string, string>> = {
  out_of_stock: 'it is sold out',
  payment_declined: 'the payment was declined',
  payment_unavailable: 'the payment could not be made in time',
  payment_failed: 'the money could not be taken',
  timed_out: 'it could not be completed in time',
  customer: 'you cancelled it',
};

/** Without the token that opens a guest's order: the order service has only a hash of it, and no topic carries it. */
const orderLink = (orderId: string | null): Link => ({
  title: 'Look at the order',
  path: `/orders/${orderId ?? ''}`,
  guestNote: 'You ordered without an account, so the link opens only in the browser that you ordered with.',
});

const text = (value: Data[string] | undefined): string => String(value ?? '');

/** Of each currency, because making one takes longer than a message's texts. */
const formats = new Map<string, Intl.NumberFormat>();

const formatOf = (currency: string): Intl.NumberFormat => {
  let format = formats.get(currency);
  if (format === undefined) {
    const decimals = decimalsOf(currency);
    format = new Intl.NumberFormat('en-GB', {
      style: 'currency',
      currency,
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
    formats.set(currency, format);
  }
  return format;
};

/** With as many decimals as the currency has. The formatter gets a text, not a number, so that nothing is rounded. */
const amountOf = (data: Data): string => {
  const currency = text(data.currency);
  const amount = `${text(data.amountMinor)}E-${decimalsOf(currency)}`;
  return formatOf(currency).format(amount as `${number}`);
};

const contents: Record<Template, (data: Data, orderId: string | null) => Content> = {
  order_confirmed: (data, orderId) => ({
    subject: 'Your order is confirmed',
    paragraphs: [`Your order of ${amountOf(data)} is confirmed. We write again when it is on its way.`],
    link: orderLink(orderId),
  }),
  order_cancelled: (data, orderId) => ({
    subject: 'Your order was cancelled',
    paragraphs: [
      `Your order was cancelled, because ${reasons[text(data.reason)] ?? 'it could not be completed'}.`,
      'What was taken or reserved for it goes back to you.',
    ],
    link: orderLink(orderId),
  }),
  order_shipped: ({ carrier, trackingNumber }, orderId) => ({
    subject: 'Your order is on its way',
    paragraphs: [
      `Your order is on its way${carrier ? ` with ${text(carrier)}` : ''}.`,
      ...(trackingNumber ? [`Its tracking number is ${text(trackingNumber)}.`] : []),
    ],
    link: orderLink(orderId),
  }),
  order_delivered: (_data, orderId) => ({
    subject: 'Your order was delivered',
    paragraphs: ['Your order was delivered.'],
    link: orderLink(orderId),
  }),
  order_returned: (data, orderId) => ({
    subject: 'We have noted your return',
    paragraphs: [`We have noted what you return, and give you back ${amountOf(data)}.`],
    link: orderLink(orderId),
  }),
  order_refunded: (data, orderId) => ({
    subject: 'Your money is on its way back',
    paragraphs: [`We have given back ${amountOf(data)}. It can take your bank some days to show it.`],
    link: orderLink(orderId),
  }),
  verify_email: ({ token }) => ({
    subject: 'Please confirm your e-mail address',
    paragraphs: [
      'Somebody has opened an account with this address. If it was you, please confirm the address.',
      `The code is ${text(token)}`,
    ],
    link: { title: 'Confirm the address', path: `/verify-email#token=${encodeURIComponent(text(token))}` },
  }),
  reset_password: ({ token }) => ({
    subject: 'A new password',
    paragraphs: [
      'Somebody has asked for a new password for your account. If it was not you, there is nothing to do.',
      `The code is ${text(token)}`,
    ],
    link: {
      title: 'Choose a new password',
      path: `/reset-password#token=${encodeURIComponent(text(token))}`,
    },
  }),
  password_changed: () => ({
    subject: 'Your password was changed',
    paragraphs: ['The password of your account was changed. If it was not you, please ask for a new one.'],
  }),
  low_stock: ({ productName, productId, available, threshold }) => ({
    subject: `Low stock: ${text(productName) || text(productId)}`,
    paragraphs: [
      `Of ${text(productName) || 'a product'} (${text(productId)}) only ${text(available)} are left.`,
      `The threshold is ${text(threshold)}.`,
    ],
  }),
  back_in_stock: ({ productName, productId }) => ({
    subject: `${text(productName) || 'A product'} is there again`,
    paragraphs: [`${text(productName) || 'A product that you asked for'} is in stock again.`],
    link: { title: 'Look at it', path: `/products/${text(productId)}` },
  }),
  message: ({ subject, text: body }) => ({ subject: text(subject), paragraphs: text(body).split(/\n{2,}/) }),
};

export const messageOf = ({ template, orderId, data, name, isGuest, shopUrl }: MessageInput): Message => {
  const { subject, paragraphs, link } = contents[template](data, orderId);
  const shown =
    shopUrl === undefined || link === undefined ? undefined : { ...link, url: shopUrl + link.path };
  const notes = isGuest && shown?.guestNote !== undefined ? [shown.guestNote] : [];
  const oneLine = subject.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, subjectCharsMax);
  const greeting = `Hello ${name},`;
  return {
    subject: oneLine,
    text: [greeting, ...paragraphs, ...(shown ? [`${shown.title}: ${shown.url}`, ...notes] : [])].join(
      '\n\n',
    ),
    html: page(oneLine, [
      ...[greeting, ...paragraphs].map(paragraphOf),
      ...(shown ? [anchor(shown.url, shown.title), ...notes.map(paragraphOf)] : []),
    ]).html,
    short: `${oneLine}. ${paragraphs.join(' ')}`.slice(0, shortCharsMax),
  };
};

const anchor = (url: string, title: string): Html => html`<p><a href="${url}">${title}</a></p>`;

const paragraphOf = (paragraph: string): Html => html`<p>${paragraph}</p>`;

const page = (title: string, body: readonly Html[]): Html => html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title></head>
<body style="font: 16px/1.5 sans-serif; max-width: 36rem; margin: 2rem auto; color: #1b1f24">
${body}</body>
</html>
`;
