import { expect, it } from 'vitest';
import { deviceOf } from './device.js';

const safari = '(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';
const chrome = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0';

it.each([
  ['desktop', `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Safari/537.36`],
  ['desktop', 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0'],
  ['desktop', `Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${chrome} Safari/537.36`],
  ['mobile', `Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 ${safari}`],
  ['mobile', `Mozilla/5.0 (Linux; Android 10; K) ${chrome} Mobile Safari/537.36`],
  ['mobile', 'Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0'],
  ['tablet', `Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 ${safari}`],
  ['tablet', `Mozilla/5.0 (Linux; Android 10; K) ${chrome} Safari/537.36`],
  ['tablet', 'Mozilla/5.0 (Android 15; Tablet; rv:145.0) Gecko/145.0 Firefox/145.0'],
  [null, 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'],
  [null, 'node'],
  [null, 'curl/8.5.0'],
  [null, undefined],
])('a device is %s by %s', (device, userAgent) => {
  expect(deviceOf(userAgent === undefined ? {} : { 'user-agent': userAgent })).toBe(device);
});

it('is mobile where the browser says so itself', () => {
  const userAgent = `Mozilla/5.0 (Linux; x86_64) ${chrome} Safari/537.36`;
  expect(deviceOf({ 'user-agent': userAgent, 'sec-ch-ua-mobile': '?1' })).toBe('mobile');
  expect(deviceOf({ 'user-agent': userAgent, 'sec-ch-ua-mobile': '?0' })).toBe('desktop');
});
