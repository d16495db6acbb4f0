import { expect, it } from 'vitest';
import { foreignSender } from './foreign-request.js';

it.each([
  { host: '127.0.0.1:8123' },
  { host: 'localhost:8123' },
  { host: '[::1]:8123' },
  { host: '127.0.0.1:8123', 'sec-fetch-site': 'none' },
])('a request with %j is of this machine', (headers) => {
  expect(foreignSender(headers)).toBeUndefined();
});

it.each([
  { host: '127.0.0.1:8123', origin: 'https://shop.example' },
  { host: '127.0.0.1:8123', origin: 'null' },
  { host: '127.0.0.1:8123', 'sec-fetch-site': 'cross-site' },
  { host: '127.0.0.1:8123', 'sec-fetch-site': 'same-site' },
  { host: 'rebound.example:8123' },
  { host: '127.0.0.1.rebound.example:8123' },
  { host: 'localhost.rebound.example' },
  {},
])("a request with %j is a web page's", (headers) => {
  expect(foreignSender(headers)).toEqual(expect.any(String));
});
