import { PlatformError } from '#platform/errors';
import { avroType } from '#platform/messaging/avro-codec';
import type { AvroSchema, SchemaRegistry } from '#platform/messaging/schema-registry';
import { type ContainerHeader, containerHeader } from './datum-block.js';
import { compileFieldWalks, type Walk } from './datum-walk.js';
import type { Route } from './routes.js';

/** What is done with datums of one schema id. */
export type Writer =
  | { kind: 'row'; schemaId: number; header: ContainerHeader; walk: Walk; firstText: FirstText }
  | { kind: 'passed-over' }
  | { kind: 'poison'; cause: PlatformError };

/** The first field of a walked datum, where it is a string. */
type FirstText = (bytes: Buffer, start: number) => string;

export type Writers = {
  /** Without asking anybody; undefined where the registry has to be asked. */
  known(schemaId: number): Writer | undefined;
  /** Asks the registry. A retriable fault when it is away; an id that a live one does not know is poison. */
  find(schemaId: number): Promise<Writer>;
};

const schemaIdsMax = 10_000;

export const createWriters = (registry: Pick<SchemaRegistry, 'schemaById'>, route: Route): Writers => {
  const readers = new Map(route.events.map(({ schema }) => [avroType(schema).name, avroType(schema)]));
  const writers = new Map<number, Writer>();

  const describe = (schemaId: number, schema: AvroSchema): Writer => {
    try {
      const type = avroType(schema);
      const reader = readers.get(type.name);
      if (reader === undefined) {
        if (!route.onlyThese) return { kind: 'passed-over' };
        return poison(`${type.name ?? 'an unnamed type'} does not belong on ${route.topic}`);
      }
      // Throws where the writer's version cannot be read as ours: its columns would not fit the table's.
      reader.createResolver(type);
      const fields = compileFieldWalks(schema);
      return {
        kind: 'row',
        schemaId,
        header: containerHeader(schema),
        walk: (bytes, start, end) => {
          let at = start;
          for (let field = 0; field < fields.length; field += 1) {
            at = (fields[field] as Walk)(bytes, at, end);
            if (at < 0) return -1;
          }
          return at;
        },
        firstText: (bytes, start) => {
          const end = (fields[0] as Walk)(bytes, start, bytes.length);
          let text = start;
          while ((bytes[text++] as number) > 127);
          return bytes.toString('latin1', text, end);
        },
      };
    } catch (error) {
      return poison(`schema ${schemaId} cannot be read: ${(error as Error).message}`);
    }
  };

  return {
    known: (schemaId) => writers.get(schemaId),
    find: async (schemaId) => {
      let writer: Writer;
      try {
        writer = describe(schemaId, await registry.schemaById(schemaId));
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== 'schema_unknown') throw error;
        // Not remembered: the schema may be registered by the time of the next record.
        return { kind: 'poison', cause: error };
      }
      if (writers.size >= schemaIdsMax) writers.clear();
      writers.set(schemaId, writer);
      return writer;
    },
  };
};

const poison = (message: string): Writer => ({
  kind: 'poison',
  cause: new PlatformError('datum_malformed', message, { retriable: false }),
});
