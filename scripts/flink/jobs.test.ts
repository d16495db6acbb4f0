import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { flinkFile, notInTwin } from './jobs.js';

/** The columns of the table that a twin writes. */
const columnsOf = (job: string): string[] => {
  const sql = flinkFile(`${job}.sql`);
  const table = sql.slice(sql.indexOf('CREATE TABLE'), sql.indexOf(') WITH (${SINK:'));
  return [...table.matchAll(/^ {2}`?(\w+)/gm)].map(([, name]) => name as string);
};

it.each([
  ['visits', 'visits/visit.avsc'],
  ['product-performance', 'product-performance/product-performance.avsc'],
] as const)('every field of %s is compared with its twin, or named as one that it lacks', (job, file) => {
  const { fields } = JSON.parse(readFileSync(`schemas/${file}`, 'utf8')) as { fields: { name: string }[] };
  expect([...columnsOf(job), ...notInTwin[job]].sort()).toEqual(fields.map(({ name }) => name).sort());
});
