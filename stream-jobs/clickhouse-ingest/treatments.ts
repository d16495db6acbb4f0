import type avro from 'avsc';
import { PlatformError } from '#platform/errors';
import { avroType } from '#platform/messaging/avro-codec';
import type { AvroSchema, SchemaRegistry } from '#platform/messaging/schema-registry';
import { brokenRule, valueRules } from '#schemas/value-rules';
import { compileDatumWalk, type DatumWalk, textStart } from './datum-check.js';
import { compileFieldWalks, type Walk } from './datum-walk.js';
import type { Feed } from './feeds.js';
import { type RowLayout, rowLayout } from './native-rows.js';

/** How datums of one schema id are handled. */
export type Treatment = RowTreatment | { kind: 'passed_over' } | { kind: 'poison'; cause: PlatformError };

export type RowTreatment = {
  kind: 'row';
  schemaId: number;
  layout: RowLayout;
  walk: DatumWalk;
  /** A text that names the rule that a well-formed datum breaks. */
  brokenRule(bytes: Buffer, start: number, end: number): string;
  /** The first field of a walked datum, if it is text. */
  firstText(bytes: Buffer, start: number): string;
};

export type Treatments = {
  /** The cached treatment; undefined if the registry has to be asked. */
  known(schemaId: number): Treatment | undefined;
  /** Asks the registry. Rejects with a retriable fault while it is away; an id that it does not have is poison. */
  find(schemaId: number): Promise<Treatment>;
};

const schemaIdsMax = 10_000;

export const createTreatments = (registry: Pick<SchemaRegistry, 'schemaById'>, feed: Feed): Treatments => {
  const readers = new Map(feed.events.map(({ schema }) => [avroType(schema).name, avroType(schema)]));
  const treatments = new Map<number, Treatment>();

  const describe = (schemaId: number, schema: AvroSchema): Treatment => {
    try {
      const type = avroType(schema);
      const reader = readers.get(type.name);
      if (reader === undefined) {
        if (!feed.onlyThese) return { kind: 'passed_over' };
        return poison(`${type.name ?? 'an unnamed type'} does not belong on ${feed.topic}`);
      }
      // Throws if the writer's version cannot be read as ours, because its columns would not fit the table's.
      reader.createResolver(type);
      return rowTreatment(schemaId, schema, type);
    } catch (error) {
      return poison(`schema ${schemaId} cannot be read: ${(error as Error).message}`);
    }
  };

  return {
    known: (schemaId) => treatments.get(schemaId),
    find: async (schemaId) => {
      let treatment: Treatment;
      try {
        treatment = describe(schemaId, await registry.schemaById(schemaId));
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== 'schema_unknown' || error.retriable)
          throw error;
        // Not cached, because the schema may be registered before the next record.
        return { kind: 'poison', cause: error };
      }
      if (treatments.size >= schemaIdsMax) treatments.clear();
      treatments.set(schemaId, treatment);
      return treatment;
    },
  };
};

const rowTreatment = (schemaId: number, schema: AvroSchema, type: avro.Type): RowTreatment => {
  const recordName = type.name?.split('.').at(-1) ?? '';
  const [firstField] = compileFieldWalks(schema);
  return {
    kind: 'row',
    schemaId,
    layout: rowLayout(schema),
    walk: compileDatumWalk(schema, valueRules[recordName]),
    brokenRule: (bytes, start, end) => {
      try {
        const value = type.fromBuffer(bytes.subarray(start, end)) as object;
        return brokenRule(recordName, value) ?? 'a value breaks a rule';
      } catch (error) {
        return (error as Error).message;
      }
    },
    firstText: (bytes, start) =>
      bytes.toString('latin1', textStart(bytes, start), (firstField as Walk)(bytes, start, bytes.length)),
  };
};

const poison = (message: string): Treatment => ({
  kind: 'poison',
  cause: new PlatformError('datum_malformed', message, { retriable: false }),
});
