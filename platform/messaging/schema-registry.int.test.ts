import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { SchemaRegistry as ConfluentRegistry } from '@kafkajs/confluent-schema-registry';
import { afterEach, describe, expect, test } from 'vitest';
import { avroType, createAvroDecoder, encode } from '#platform/messaging/avro-codec';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import { engines } from '#platform/testing/engines';
import { eventually } from '#platform/testing/eventually';

const newSchema = (fields: object[] = [{ name: 'id', type: 'string' }]) => ({
  type: 'record',
  name: `Thing${randomUUID().replaceAll('-', '')}`,
  namespace: 'test',
  fields,
});
const subjectOf = (schema: { namespace: string; name: string }) => `${schema.namespace}.${schema.name}`;

describe('the registry', () => {
  test('gives a schema one id, finds it by subject and schema, and gives the schema back', async () => {
    const registry = createSchemaRegistry(engines().schemaRegistryUrl);
    const schema = newSchema();
    const id = await registry.register(subjectOf(schema), schema);
    expect(await registry.register(subjectOf(schema), schema)).toBe(id);
    const fresh = createSchemaRegistry(engines().schemaRegistryUrl);
    expect(await fresh.idOf(subjectOf(schema), schema)).toBe(id);
    expect(await fresh.schemaById(id)).toEqual(schema);
  });

  test('says for good that it does not know a schema, an id or a subject', async () => {
    const registry = createSchemaRegistry(engines().schemaRegistryUrl, { unknownHeldMs: 0 });
    const schema = newSchema();
    await registry.register(subjectOf(schema), schema);
    const unknown = { code: 'schema_unknown', retriable: false };
    await expect(registry.idOf(subjectOf(schema), newSchema())).rejects.toMatchObject(unknown);
    await expect(registry.idOf('test.Nowhere', newSchema())).rejects.toMatchObject(unknown);
    await expect(registry.schemaById(2_000_000_000)).rejects.toMatchObject(unknown);
  });

  test('says of an id that a lagging node may come to know, for a while, that asking again may help', async () => {
    const registry = createSchemaRegistry(engines().schemaRegistryUrl, { unknownHeldMs: 200 });
    const held = { code: 'schema_unknown', retriable: true };
    await expect(registry.schemaById(2_000_000_000)).rejects.toMatchObject(held);
    await eventually(() =>
      expect(registry.schemaById(2_000_000_000)).rejects.toMatchObject({ ...held, retriable: false }),
    );
  });

  test('registers at the same time once', async () => {
    const registry = createSchemaRegistry(engines().schemaRegistryUrl);
    const schema = newSchema();
    const ids = await Promise.all(
      Array.from({ length: 8 }, () => registry.register(subjectOf(schema), schema)),
    );
    expect(new Set(ids).size).toBe(1);
  });

  test('refuses for good what the subject is not compatible with', async () => {
    const registry = createSchemaRegistry(engines().schemaRegistryUrl);
    const schema = newSchema();
    await registry.register(subjectOf(schema), schema);
    await registry.setCompatibility('FULL_TRANSITIVE', subjectOf(schema));
    const changed = { ...schema, fields: [{ name: 'id', type: 'int' }] };
    await expect(registry.register(subjectOf(schema), changed)).rejects.toMatchObject({ retriable: false });
  });
});

describe('what is not the registry saying so', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());
  const answering = async (status: number, body: string): Promise<string> => {
    server = createServer((_, answer) =>
      answer.writeHead(status, { 'content-type': 'application/json' }).end(body),
    );
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  };

  test.each([
    ['a 404 of somebody else', 404, '{"error":"not found"}'],
    ['a 404 that is a page', 404, '<html></html>'],
    ['an error inside the registry', 500, '{"error_code":50001,"message":"store"}'],
    ['half an answer', 200, '{"sch'],
  ])('is retriable: %s', async (_name, status, body) => {
    const registry = createSchemaRegistry(await answering(status, body));
    await expect(registry.schemaById(1)).rejects.toMatchObject({
      code: 'registry_unavailable',
      retriable: true,
    });
  });

  test('is retriable: nobody at all', async () => {
    const registry = createSchemaRegistry('http://127.0.0.1:1');
    await expect(registry.schemaById(1)).rejects.toMatchObject({
      code: 'registry_unavailable',
      retriable: true,
    });
  });

  test('is not noticed once a schema is known', async () => {
    const registry = createSchemaRegistry(await answering(200, '{"schema":"\\"string\\""}'));
    expect(await registry.schemaById(1)).toBe('string');
    server?.close();
    expect(await registry.schemaById(1)).toBe('string');
  });
});

test("messages are those of Confluent's wire format: the stock client reads ours and we read its", async () => {
  const stock = new ConfluentRegistry({ host: engines().schemaRegistryUrl });
  const registry = createSchemaRegistry(engines().schemaRegistryUrl);
  const schema = newSchema([
    { name: 'id', type: 'string' },
    { name: 'amount', type: 'long' },
    { name: 'note', type: ['null', 'string'], default: null },
  ]);
  const id = await registry.register(subjectOf(schema), schema);
  const value = { id: 'ž', amount: -12_345_678_901, note: null };
  const ours = encode(id, avroType(schema), value);
  expect({ ...(await stock.decode(ours)) }).toEqual(value);
  const theirs = await stock.encode(id, value);
  expect(theirs).toEqual(ours);
  expect((await createAvroDecoder(registry, [schema]).decode(theirs)).value).toEqual(value);
});
