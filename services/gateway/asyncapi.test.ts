import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import ajvFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { records } from '#schemas/events';
import { topicsDocument } from './documents.js';

const require = createRequire(import.meta.url);
const specification = require('@asyncapi/specs/schemas/3.0.0-without-$id.json') as object;

type Document = {
  channels: Record<string, { messages: Record<string, unknown> }>;
  components: { messages: Record<string, { payload: { schema: object } }> };
};

describe('the document of topics and events', () => {
  const document = topicsDocument('1.2.3') as Document;

  it('is one that the AsyncAPI specification accepts', () => {
    const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
    ajvFormats.default(ajv);
    const accepts = ajv.compile(specification);
    expect([accepts(document), accepts.errors]).toEqual([true, null]);
    expect(accepts({ ...document, channels: [] })).toBe(false);
  });

  it('has every event once, on its topic and with its registered schema', () => {
    const placed = Object.entries(document.channels).flatMap(([topic, { messages }]) =>
      Object.keys(messages).map((name) => [name, topic]),
    );
    expect(Object.fromEntries(placed)).toEqual(
      Object.fromEntries(Object.entries(records).map(([name, { topic }]) => [name, topic])),
    );
    expect(placed.length).toBe(Object.keys(records).length);
    for (const [name, { schema }] of Object.entries(records))
      expect(document.components.messages[name]?.payload.schema).toEqual(schema);
  });
});
