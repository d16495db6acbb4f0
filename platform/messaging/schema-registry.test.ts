import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';

/** What the registry's client sends: the registry under test asks for no password. */
const seen: { url: string | undefined; authorization: string | undefined }[] = [];
const server = createServer((request, response) => {
  seen.push({ url: request.url, authorization: request.headers.authorization });
  response.end(JSON.stringify({ schema: '"string"' }));
});

beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));

const urlWith = (login: string) =>
  `http://${login}127.0.0.1:${(server.address() as AddressInfo).port}/ccompat/`;

test.each([
  ['', undefined],
  ['shop:p%40ss%3Aword@', `Basic ${Buffer.from('shop:p@ss:word').toString('base64')}`],
])('a registry at %jhost is asked with %j', async (login, authorization) => {
  seen.length = 0;
  await createSchemaRegistry(urlWith(login)).schemaById(7);
  expect(seen).toEqual([{ url: '/ccompat/schemas/ids/7', authorization }]);
});

test('a registry that does not answer is named without its password', async () => {
  const failure = await createSchemaRegistry('http://shop:secret@127.0.0.1:1')
    .schemaById(7)
    .catch((error: Error) => error);
  expect(failure).toMatchObject({ code: 'registry_unavailable', retriable: true });
  expect((failure as Error).message).not.toContain('secret');
});
