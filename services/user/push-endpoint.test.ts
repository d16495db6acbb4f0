import { expect, it } from 'vitest';
import { isPushEndpoint } from './push-endpoint.js';

it.each([
  'https://fcm.googleapis.com/fcm/send/abc:def',
  'https://updates.push.services.mozilla.com/wpush/v2/gAAAA',
  'https://xn--bcher-kva.example.org/p',
])('%s is an address of a push service', (address) => {
  expect(isPushEndpoint(address)).toBe(true);
});

it.each([
  'http://push.example.org/',
  'https://localhost/',
  'https://127.0.0.1/',
  'https://2130706433/',
  'https://0x7f.1/',
  'https://[::1]/',
  'https://169.254.169.254/latest/meta-data',
  'https://redis/',
  'https://postgres.internal/',
  'https://printer.local./',
  'https://user:secret@push.example.org/',
  'https://push.example.org:6379/',
  'https://',
])('%s is none', (address) => {
  expect(isPushEndpoint(address)).toBe(false);
});
