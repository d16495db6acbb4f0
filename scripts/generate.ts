/**
 * `npm run generate`: writes `schemas/events.ts` from the `.avsc` files and appends changed schemas to
 * `schemas/history.json`; in docker-compose.yml and dashboards/prometheus.yml the sections that follow from
 * `services/table.ts`; docs/topologies.md, the drawings of the windowed jobs (these alone with `npm run topology`,
 * which is `--topologies`); and `web/api/schema.d.ts`, the types of the API for the web pages. With `--check` writes
 * nothing and fails when one of them is out of date.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  type AvroSchema,
  findIncompatibilities,
  findUndocumented,
  type SchemaHistory,
  withoutDocs,
} from '../schemas/compatibility.js';
import { topics } from '../schemas/topics.js';
import { apiTypes, apiTypesFile } from './api-types.js';
import { containerSections, withSections } from './container-files.js';
import { topologiesDocument, topologiesFile } from './topology-drawings.js';

type Field = { name: string; type: Node; doc?: string };
type Node =
  | string
  | Node[]
  | { type: string; logicalType?: string; items?: Node; fields?: Field[]; name?: string; doc?: string };
type RecordSchema = { type: 'record'; name: string; namespace: string; doc: string; fields: Field[] };
type Source = { topic: string; schema: RecordSchema };

if (process.argv.includes('--topologies')) {
  writeFileSync(topologiesFile, topologiesDocument());
  process.exit(0);
}
const checking = process.argv.includes('--check');
const schemasFolder = join(process.cwd(), 'schemas');
const eventsFile = join(schemasFolder, 'events.ts');
const historyFile = join(schemasFolder, 'history.json');
const problems: string[] = [];

const readSources = (): Source[] =>
  readdirSync(schemasFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: topic }) =>
      readdirSync(join(schemasFolder, topic))
        .filter((file) => file.endsWith('.avsc'))
        .map((file) => ({
          topic,
          schema: JSON.parse(readFileSync(join(schemasFolder, topic, file), 'utf8')) as RecordSchema,
        })),
    )
    .sort((a, b) => (a.schema.name < b.schema.name ? -1 : 1));

const primitives: Record<string, string> = {
  string: 'string',
  int: 'number',
  long: 'number',
  double: 'number',
  boolean: 'boolean',
  null: 'null',
};

const typeOf = (node: Node): string => {
  if (typeof node === 'string') return primitives[node] ?? node;
  if (Array.isArray(node)) return node.map(typeOf).join(' | ');
  if (node.type === 'array') {
    const items = typeOf(node.items as Node);
    return `readonly ${items.includes(' ') ? `(${items})` : items}[]`;
  }
  if (node.type === 'record') return node.name as string;
  return primitives[node.type] ?? 'never';
};

const nestedRecords = (node: Node): { name: string; doc?: string; fields: Field[] }[] => {
  if (typeof node === 'string') return [];
  if (Array.isArray(node)) return node.flatMap(nestedRecords);
  if (node.type === 'array') return nestedRecords(node.items as Node);
  if (node.type !== 'record') return [];
  const record = node as { name: string; doc?: string; fields: Field[] };
  return [...record.fields.flatMap((field) => nestedRecords(field.type)), record];
};

const declare = ({ name, doc, fields }: { name: string; doc?: string; fields: Field[] }): string =>
  [
    `/** ${doc} */`,
    `export type ${name} = {`,
    ...fields.flatMap((field) => [`  /** ${field.doc} */`, `  ${field.name}: ${typeOf(field.type)};`]),
    '};',
    '',
  ].join('\n');

const settingsOf = (topic: string): { topic: string; single?: true } | undefined =>
  Object.values(topics).find((settings) => settings.topic === topic);

const subjectOf = ({ topic, schema }: Source): string =>
  settingsOf(topic)?.single ? `${topic}-value` : `${schema.namespace}.${schema.name}`;

/** Reports topics whose folder, namespace and line in `schemas/topics.ts` do not agree. */
const findMisplaced = (sources: Source[]): string[] => [
  ...sources.flatMap(({ topic, schema: { name, namespace } }) => [
    ...(settingsOf(topic) ? [] : [`schemas/${topic}: has no line in schemas/topics.ts`]),
    ...(namespace === `cartstream.${topic.replaceAll('-', '_')}`
      ? []
      : [`${name}: its namespace is not its folder's`]),
  ]),
  ...Object.values(topics)
    .filter(({ topic }) => !sources.some((source) => source.topic === topic))
    .map(({ topic }) => `schemas/topics.ts: no record of ${topic} in schemas/${topic}`),
  ...Object.values(topics)
    .filter(
      (settings) =>
        'single' in settings && sources.filter(({ topic }) => topic === settings.topic).length > 1,
    )
    .map(({ topic }) => `schemas/${topic}: is promised to hold one record type`),
];

const render = (sources: Source[]): string =>
  [
    '// Generated from the .avsc files by `npm run generate`; do not edit.',
    '',
    ...sources.flatMap(({ schema }) => nestedRecords(schema).map(declare)),
    '/** Every record by its name. */',
    'export type EventMap = {',
    ...sources.map(({ schema }) => `  ${schema.name}: ${schema.name};`),
    '};',
    '',
    'export type EventType = keyof EventMap;',
    '',
    'const places = {',
    ...sources.map(
      (source) =>
        `  ${source.schema.name}: {\n    topic: '${source.topic}',\n    subject: '${subjectOf(source)}',\n    schema: ${JSON.stringify(source.schema)},\n  },`,
    ),
    '} as const satisfies Record<EventType, { topic: string; subject: string; schema: object }>;',
    '',
    '/**',
    ' * The topic of each record, its subject in the registry and its schema. The field `value` does not exist at run time:',
    ' * it is the type of the record for the compiler.',
    ' */',
    'export const records: { readonly [T in EventType]: (typeof places)[T] & { readonly value?: EventMap[T] } } =',
    '  places;',
    '',
  ].join('\n');

const readHistory = (text: string): SchemaHistory => JSON.parse(text) as SchemaHistory;

const extendHistory = (history: SchemaHistory, sources: Source[]): SchemaHistory => {
  const extended: SchemaHistory = { ...history };
  for (const { schema } of sources) {
    const name = `${schema.namespace}.${schema.name}`;
    const versions = extended[name] ?? [];
    const bare = withoutDocs(schema) as AvroSchema;
    if (!isDeepStrictEqual(versions.at(-1), bare)) extended[name] = [...versions, bare];
  }
  return extended;
};

/** The history in the last commit, to which the working copy may only append. Undefined outside a checkout. */
const committedHistory = (): SchemaHistory | undefined => {
  try {
    return readHistory(
      execFileSync('git', ['show', 'HEAD:schemas/history.json'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }).toString(),
    );
  } catch {
    return undefined;
  }
};

const findRewrites = (committed: SchemaHistory, current: SchemaHistory): string[] =>
  Object.entries(committed)
    .filter(
      ([record, versions]) => !isDeepStrictEqual((current[record] ?? []).slice(0, versions.length), versions),
    )
    .map(([record]) => `${record}: a published version was changed or removed in schemas/history.json`);

const containerFiles = Object.entries(containerSections()).map(([file, sections]) => {
  const text = readFileSync(file, 'utf8');
  return { file, text, generated: withSections(text, sections) };
});
const sources = readSources();
const history = existsSync(historyFile) ? readHistory(readFileSync(historyFile, 'utf8')) : {};
const committed = committedHistory();
// Based on the committed history, so that a draft that is generated again leaves no version behind.
const extended = extendHistory(committed ?? history, sources);
const rendered = render(sources);

problems.push(
  ...new Set(findMisplaced(sources)),
  ...sources
    .flatMap(({ schema }) => findUndocumented(schema as unknown as AvroSchema))
    .map((path) => `${path}: no doc`),
  ...findIncompatibilities(extended),
  ...(checking ? findRewrites(committed ?? {}, history) : []),
);
if (checking) {
  if (!isDeepStrictEqual(extended, history))
    problems.push('schemas/history.json is out of date: run `npm run generate`');
  if (!existsSync(eventsFile) || readFileSync(eventsFile, 'utf8') !== rendered)
    problems.push('schemas/events.ts is out of date: run `npm run generate`');
}
if (checking)
  for (const { file, text, generated } of containerFiles)
    if (text !== generated) problems.push(`${file} is out of date: run \`npm run generate\``);
// The drawings need the events' topics, which a first run writes into schemas/events.ts.
if (
  checking &&
  (!existsSync(topologiesFile) || readFileSync(topologiesFile, 'utf8') !== topologiesDocument())
)
  problems.push(`${topologiesFile} is out of date: run \`npm run topology\``);
const typesOfApi = await apiTypes();
if (checking && (!existsSync(apiTypesFile) || readFileSync(apiTypesFile, 'utf8') !== typesOfApi))
  problems.push(`${apiTypesFile} is out of date: run \`npm run generate\``);
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
if (!checking) {
  writeFileSync(eventsFile, rendered);
  writeFileSync(historyFile, `${JSON.stringify(extended, null, 1)}\n`);
  for (const { file, generated } of containerFiles) writeFileSync(file, generated);
  writeFileSync(topologiesFile, topologiesDocument());
  writeFileSync(apiTypesFile, typesOfApi);
}
console.log(
  `${sources.length} records, ${Object.values(extended).flat().length} versions, all FULL_TRANSITIVE`,
);
