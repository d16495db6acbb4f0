import type avro from 'avsc';
import { PlatformError } from '#platform/errors';
import { avroType } from '#platform/messaging/avro-codec';
import { compileFieldWalks, listsWalk, type Walk } from '#platform/messaging/datum-walk';
import type { AvroSchema, SchemaRegistry } from '#platform/messaging/schema-registry';
import { brokenRule, valueRules } from '#schemas/value-rules';
import { compileDatumWalk, malformed, meaningless, textStart } from './datum-check.js';
import { createEventRows, type DecodedEvent } from './event-rows.js';
import type { EventFeed, Feed, RowFeed } from './feeds.js';
import { createDatumRows, type NativeRows, rowLayout } from './native-rows.js';
import type { RecordInPlace } from './record-in-place.js';

/** How datums of one schema id are handled. */
export type Treatment = RowTreatment | { kind: 'passed_over' } | { kind: 'poison'; cause: PlatformError };

export type RowTreatment = {
  kind: 'row';
  /** Rows with the same one have the same columns and are inserted together: the schema id, or 0 for whole events. */
  partId: number;
  /** As `DatumWalk.over`. */
  walk: Walk;
  /** Opens the rows of a block. To them records are appended right after their walk. */
  openRows(partition: number): BlockRows;
  /** Where whole events are kept, the one of the last walk. */
  event: DecodedEvent | null;
  /** A text that names the rule that a well-formed datum breaks. */
  brokenRule(bytes: Buffer, start: number, end: number): string;
  /** The id of the event in a walked datum that starts at `start`; empty if it has none. */
  eventId(record: RecordInPlace, start: number): string;
};

export type BlockRows = NativeRows & { append(record: RecordInPlace, treatment: RowTreatment): void };

export type Treatments = {
  /** The cached treatment; undefined if the registry has to be asked. */
  known(schemaId: number): Treatment | undefined;
  /** Asks the registry. Rejects with a retriable fault while it is away; an id that it does not have is poison. */
  find(schemaId: number): Promise<Treatment>;
};

const schemaIdsMax = 10_000;

export const createTreatments = (registry: Pick<SchemaRegistry, 'schemaById'>, feed: Feed): Treatments => {
  const treatmentOf: TreatmentOf = feed.keepsEvents
    ? (_schemaId, schema) => eventTreatment(feed, schema)
    : fieldsTreatment(feed);
  const treatments = new Map<number, Treatment>();

  const describe = (schemaId: number, schema: AvroSchema): Treatment => {
    try {
      return treatmentOf(schemaId, schema);
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

/** Throws for a schema that cannot be read. */
type TreatmentOf = (schemaId: number, schema: AvroSchema) => Treatment;

const fieldsTreatment = ({ topic, events, onlyThese }: RowFeed): TreatmentOf => {
  const readers = new Map(events.map(({ schema }) => [avroType(schema).name, avroType(schema)]));
  return (schemaId, schema) => {
    const type = avroType(schema);
    const reader = readers.get(type.name);
    if (reader === undefined) {
      if (!onlyThese) return { kind: 'passed_over' };
      return poison(`${type.name ?? 'an unnamed type'} does not belong on ${topic}`);
    }
    // Throws if the writer's version cannot be read as ours, because its columns would not fit the table's.
    reader.createResolver(type);
    return rowTreatment(schemaId, schema, type);
  };
};

const rowTreatment = (schemaId: number, schema: AvroSchema, type: avro.Type): RowTreatment => {
  const recordName = type.name?.split('.').at(-1) ?? '';
  const [firstField] = compileFieldWalks(schema);
  const layout = rowLayout(schema);
  const walk = compileDatumWalk(schema, valueRules[recordName]);
  return {
    kind: 'row',
    partId: schemaId,
    walk: walk.over,
    openRows: (partition) => createDatumRows(layout, walk.bounds, partition),
    event: null,
    brokenRule: (bytes, start, end) => {
      try {
        const value = type.fromBuffer(bytes.subarray(start, end)) as object;
        return brokenRule(recordName, value) ?? 'a value breaks a rule';
      } catch (error) {
        return (error as Error).message;
      }
    },
    eventId: ({ bytes }, start) =>
      bytes.toString('latin1', textStart(bytes, start), (firstField as Walk)(bytes, start, bytes.length)),
  };
};

/** Whole events are decoded. They are few: some for each order, where shoppers do a hundred things. */
const eventTreatment = ({ topic }: EventFeed, schema: AvroSchema): RowTreatment => {
  const type = avroType(schema);
  const lists = listsWalk(schema);
  const event: { type: string; value: unknown } = { type: type.name?.split('.').at(-1) ?? '', value: null };
  let broken: string | undefined;
  return {
    kind: 'row',
    partId: 0,
    event,
    walk: (bytes, start, end) => {
      if (lists !== undefined && lists(bytes, start, end) < 0) return malformed;
      try {
        const decoded = type.decode(bytes.subarray(0, end), start) as { value: unknown; offset: number };
        event.value = decoded.value;
        if (decoded.offset < 0) return malformed;
        broken = brokenRule(event.type, decoded.value as object);
        return broken === undefined ? decoded.offset : meaningless;
      } catch {
        return malformed;
      }
    },
    openRows: (partition) => {
      const rows = createEventRows(topic, partition);
      return {
        columns: rows.columns,
        get rows() {
          return rows.rows;
        },
        append: (record, { event: decoded }) => {
          if (decoded !== null) rows.append(record, decoded);
        },
      };
    },
    // It is asked for right after the walk.
    brokenRule: () => broken ?? '',
    eventId: (record) => record.record().headers['event-id'] ?? '',
  };
};

const poison = (message: string): Treatment => ({
  kind: 'poison',
  cause: new PlatformError('datum_malformed', message, { retriable: false }),
});
