import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type AvroSchema,
  findIncompatibilities,
  findUndocumented,
  type SchemaHistory,
} from './compatibility.js';

const version = (...fields: object[]): AvroSchema =>
  ({ type: 'record', name: 'Thing', namespace: 'test', doc: 'A thing.', fields }) as AvroSchema;
const id = { name: 'id', type: 'string', doc: 'Its id.' };

describe('FULL_TRANSITIVE gate', () => {
  it('accepts a new field with a default and its later removal', () => {
    const note = { name: 'note', type: ['null', 'string'], default: null, doc: 'A note.' };
    expect(findIncompatibilities({ 'test.Thing': [version(id), version(id, note), version(id)] })).toEqual(
      [],
    );
  });

  it('refuses a new field without a default, because it could not read what is on the log', () => {
    const size = { name: 'size', type: 'int', doc: 'Its size.' };
    expect(findIncompatibilities({ 'test.Thing': [version(id), version(id, size)] })).toHaveLength(1);
  });

  it('compares every pair of versions, not only neighbours', () => {
    const asInt = { name: 'size', type: 'int', default: 0, doc: 'Its size.' };
    const asString = { name: 'size', type: 'string', default: '', doc: 'Its size.' };
    const problems = findIncompatibilities({
      'test.Thing': [version(id, asInt), version(id), version(id, asString)],
    });
    expect(problems.map((problem) => problem.split(': ')[1])).toEqual([
      'version 1 cannot read version 3',
      'version 3 cannot read version 1',
    ]);
  });

  it('holds for every version this project has published', () => {
    const history = JSON.parse(readFileSync('schemas/history.json', 'utf8')) as SchemaHistory;
    expect(Object.keys(history).length).toBeGreaterThanOrEqual(20);
    expect(findIncompatibilities(history)).toEqual([]);
  });
});

it('a field without documentation is named by its path', () => {
  const silent = {
    name: 'lines',
    type: { type: 'array', items: version({ name: 'x', type: 'int' }) },
    doc: 'Lines.',
  };
  expect(findUndocumented(version(id, silent))).toEqual(['Thing.lines.x']);
});
