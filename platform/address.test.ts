import { expect, test } from 'vitest';
import { formatAddress, parseAddress } from '#platform/address';

test.each([
  ['kafka:9092', { host: 'kafka', port: 9092 }],
  ['127.0.0.1:1', { host: '127.0.0.1', port: 1 }],
  ['[::1]:9092', { host: '::1', port: 9092 }],
  ['[2001:db8::7]:65535', { host: '2001:db8::7', port: 65_535 }],
])('%s is read, and written as it was', (text, address) => {
  expect(parseAddress(text)).toEqual(address);
  expect(formatAddress(address)).toBe(text);
});

test.each([
  '',
  'kafka',
  'kafka:',
  ':9092',
  'kafka:0',
  'kafka:65536',
  'kafka:9092x',
  '::1:9092',
  '[::1]',
  '[kafka]:9092',
  '[::1:9092',
  'http://kafka:9092',
  'user@kafka:9092',
  'kafka :9092',
])('%j is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined();
});
