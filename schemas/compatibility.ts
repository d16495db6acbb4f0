import avro from 'avsc';

export type AvroSchema = avro.schema.AvroSchema;

/** Every version that each record has ever had, oldest first, as in `schemas/history.json`. */
export type SchemaHistory = Record<string, AvroSchema[]>;

/**
 * Finds violations of FULL_TRANSITIVE: each version must be able to read data written by every other version of the
 * same record, older and newer. Returns one sentence for each violating pair; empty if there is none. The rules are
 * Avro's schema resolution (Avro 1.11 specification, "Schema Resolution") as `avsc` implements them.
 */
export const findIncompatibilities = (history: SchemaHistory): string[] => {
  const problems: string[] = [];
  for (const [record, versions] of Object.entries(history)) {
    const types = versions.map((schema) => avro.Type.forSchema(schema, { registry: {} }));
    types.forEach((reader, r) => {
      types.forEach((writer, w) => {
        if (r === w) return;
        try {
          reader.createResolver(writer);
        } catch (error) {
          problems.push(
            `${record}: version ${r + 1} cannot read version ${w + 1}: ${(error as Error).message}`,
          );
        }
      });
    });
  }
  return problems;
};

/** The schema without its documentation, because a change of documentation makes no new version. */
export const withoutDocs = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(withoutDocs);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key]) => key !== 'doc')
      .map(([key, value]) => [key, withoutDocs(value)]),
  );
};

/** The fields and records without a `doc`, by dotted path. */
export const findUndocumented = (schema: AvroSchema, path = ''): string[] => {
  if (Array.isArray(schema)) return schema.flatMap((branch) => findUndocumented(branch, path));
  if (typeof schema !== 'object' || schema === null) return [];
  const node = schema as { type: unknown; name?: string; doc?: string; fields?: never[]; items?: AvroSchema };
  if (node.type === 'array') return findUndocumented(node.items as AvroSchema, path);
  if (node.type !== 'record') return [];
  const here = path === '' ? (node.name ?? '') : path;
  const fields = (node.fields ?? []) as { name: string; doc?: string; type: AvroSchema }[];
  return [
    ...(node.doc ? [] : [here]),
    ...fields.flatMap((field) => [
      ...(field.doc ? [] : [`${here}.${field.name}`]),
      ...findUndocumented(field.type, `${here}.${field.name}`),
    ]),
  ];
};
