import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { currencies, decimalsOf } from '#schemas/currency';
import { type Contact, everything, type Result, statusOf, targetsOf } from './delivery.js';
import { messageOf } from './message-texts.js';
import { type Data, notificationOf, type Template, templates } from './notification.js';

describe('an event', () => {
  it('of a cancelled order is reported with the reason', () => {
    const event = { orderId: 'o', version: 2, userId: 'u', reason: 'out_of_stock', occurredAt: 1 };
    expect(notificationOf.OrderCancelled(event)).toEqual({
      template: 'order_cancelled',
      orderId: 'o',
      userId: 'u',
      data: { reason: 'out_of_stock' },
    });
  });

  it('of a token sends the token to the address in it, and keeps both no longer than needed', () => {
    const event = {
      userId: 'u',
      tokenId: 't',
      purpose: 'reset_password',
      token: 'secret',
      email: 'ada@example.com',
      name: 'Ada',
      expiresAt: 9,
      occurredAt: 1,
    };
    expect(notificationOf.UserTokenIssued(event)).toMatchObject({
      template: 'reset_password',
      data: {},
      secret: { token: 'secret' },
      destination: { email: 'ada@example.com', name: 'Ada' },
      uselessAtMs: 9,
    });
    expect(notificationOf.UserTokenIssued({ ...event, purpose: 'of a later version' })).toBeNull();
  });
});

const message = (
  template: Template,
  data: Data,
  name = 'Ada',
  shopUrl: string | undefined = 'https://shop.example',
) => messageOf({ template, orderId: 'o-1', data, name, isGuest: false, shopUrl });

describe('a message', () => {
  it.each([
    ['GBP', 123456, '£1,234.56'],
    ['JPY', 500, 'JP¥500'],
    ['KWD', 1500, 'KWD\u00a01.500'],
    // CLDR, which `Intl` asks, has no decimals for these; ISO 4217 has two or three.
    ['HUF', 199_900, 'HUF\u00a01,999.00'],
    ['IQD', 1999, 'IQD\u00a01.999'],
    ['EUR', Number.MAX_SAFE_INTEGER, '€90,071,992,547,409.91'],
  ])('shows an amount in %s with its decimals', (currency, amountMinor, shown) => {
    expect(message('order_confirmed', { currency, amountMinor }).text).toContain(shown);
  });

  it.each(currencies)('shows every amount in %s to the minor unit', (currency) => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (amountMinor) => {
        const { text } = message('order_confirmed', { amountMinor, currency });
        const [, whole = '', decimals = ''] = /order of \D*([\d,]+)(?:\.(\d+))? is/.exec(text) ?? [];
        expect(decimals).toHaveLength(decimalsOf(currency));
        expect(BigInt(whole.replaceAll(',', '') + decimals)).toBe(BigInt(amountMinor));
      }),
      { numRuns: 20 },
    );
  });

  it('of a cancelled order is true whether or not its money was taken', () => {
    for (const reason of ['customer', 'payment_declined', 'of a later version']) {
      const { text } = message('order_cancelled', { reason });
      expect(text).not.toMatch(/not (been )?charged/);
      expect(text).toContain('What was taken or reserved for it goes back to you.');
    }
  });

  it('escapes in HTML what people have typed, and only there', () => {
    const { html, text, short } = message(
      'message',
      { subject: '<b>Hi</b>', text: 'a < b & "c"\n\n<script>alert(1)</script>' },
      '<img src=x onerror=alert(1)>',
    );
    expect(html).not.toMatch(/<(b|img|script)\b/);
    expect(html).toContain('<p>Hello &lt;img src=x onerror=alert(1)&gt;,</p>');
    expect(html).toContain('<p>a &lt; b &amp; &quot;c&quot;</p>');
    expect(text).toContain('a < b & "c"');
    expect(short).toContain('<b>Hi</b>');
  });

  it('has a subject of one line', () => {
    const { subject } = message('message', { subject: 'Hi\r\nBcc: all@example.com', text: 'x' });
    expect(subject).toBe('Hi Bcc: all@example.com');
  });

  it('has a link where the shop has an address, with nothing in it that ends the attribute', () => {
    const link = 'https://shop.example/verify-email#token=%22%3E%3Cx';
    const withLink = message('verify_email', { token: '"><x' });
    expect(withLink.html).toContain(`href="${link}"`);
    expect(withLink.text).toContain(link);
    expect(
      messageOf({
        template: 'verify_email',
        orderId: null,
        data: { token: 't' },
        name: 'Ada',
        isGuest: false,
        shopUrl: undefined,
      }).text,
    ).not.toContain('http');
  });

  it('says to guests in which browser their order opens, where it has the link', () => {
    const note = 'opens only in the browser that you ordered with';
    const order = { template: 'order_delivered', orderId: 'o-1', data: {}, name: 'Bob' } as const;
    const ofGuest = messageOf({ ...order, isGuest: true, shopUrl: 'https://shop.example' });
    expect(ofGuest.text).toContain(note);
    expect(ofGuest.html).toContain(note);
    expect(ofGuest.short).not.toContain(note);
    expect(messageOf({ ...order, isGuest: true, shopUrl: undefined }).text).not.toContain(note);
    expect(message('order_delivered', {}).text).not.toContain(note);
  });

  it.each(templates)('of %s has every form, whatever its data are', (template) => {
    for (const data of [{}, { amountMinor: 1, currency: 'GBP' }, { text: '', token: null }]) {
      if (
        template.startsWith('order_') &&
        !('currency' in data) &&
        /confirmed|returned|refunded/.test(template)
      )
        continue;
      const { subject, text, html, short } = message(template, data);
      expect([subject, text, html, short].join()).not.toMatch(/undefined|null|NaN/);
    }
  });
});

describe('the places to send to', () => {
  const device = { deviceId: 'd', endpoint: 'https://push.example', p256dh: 'p', auth: 'a' };
  const contact: Contact = { email: 'ada@example.com', name: 'Ada', phone: '+441', devices: [device] };
  const shipped = { template: 'order_shipped' as const, channels: null };

  it('are all of the channels that the message may use and the recipient has', () => {
    expect(targetsOf(shipped, contact, everything).targets.map(({ key }) => key)).toEqual([
      'email',
      'sms',
      'd',
    ]);
    const poor = { ...contact, phone: null, devices: [] };
    expect(targetsOf(shipped, poor, everything)).toMatchObject({
      targets: [{ key: 'email' }],
      skipped: [
        { channel: 'sms', reason: 'no_address' },
        { channel: 'push', reason: 'no_address' },
      ],
    });
  });

  it('leave out what is switched off, but for messages about the account', () => {
    expect(targetsOf(shipped, contact, { ...everything, sms: false }).targets.map(({ key }) => key)).toEqual([
      'email',
      'd',
    ]);
    expect(targetsOf(shipped, contact, { ...everything, orders: false }).targets).toEqual([]);
    const reset = { template: 'reset_password' as const, channels: null };
    const nothing = { email: false, sms: false, push: false, orders: false, stock: false, messages: false };
    expect(targetsOf(reset, contact, nothing).targets.map(({ key }) => key)).toEqual(['email']);
  });

  it('are those that the sender has chosen', () => {
    const chosen = { template: 'message' as const, channels: ['sms' as const] };
    expect(targetsOf(chosen, contact, everything).targets.map(({ key }) => key)).toEqual(['sms']);
  });
});

it('one place that was reached makes it sent', () => {
  const result = (status: Result['status']): Result => ({
    channel: 'email',
    target: 'email',
    status,
    atMs: 0,
  });
  expect(statusOf([result('failed'), result('sent')])).toBe('sent');
  expect(statusOf([result('failed'), result('skipped')])).toBe('failed');
  expect(statusOf([result('skipped')])).toBe('skipped');
});
