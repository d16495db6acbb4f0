import avro from 'avsc';
import { PlatformError } from '#platform/errors';
import { listsWalk, type Walk } from '#platform/messaging/datum-walk';
import type { AvroSchema, SchemaRegistry } from '#platform/messaging/schema-registry';

/**
 * Confluent wire format:
 *
 *     message  = magic schema-id datum
 *     magic    = %x00
 *     schema-id = 4 bytes, big-endian, the writer's schema
 *     datum    = Avro binary encoding, to the last byte
 */
const magic = 0;
export const wirePrefixBytes = 5;

/** Compiles a schema. Logical types are ignored: a timestamp is a number of epoch milliseconds. */
export const avroType = (schema: AvroSchema): avro.Type => avro.Type.forSchema(schema as avro.Schema);

/** Throws `datum_malformed`, naming the field, when the value does not fit the type. */
export const encode = (schemaId: number, type: avro.Type, value: unknown): Buffer => {
  let datum: Buffer;
  try {
    datum = type.toBuffer(value);
  } catch (error) {
    throw malformed(
      `value does not fit ${type.name}: ${whyNot(type, value) ?? (error as Error).message}`,
      error,
    );
  }
  const message = Buffer.allocUnsafe(wirePrefixBytes + datum.length);
  message[0] = magic;
  message.writeUInt32BE(schemaId, 1);
  datum.copy(message, wirePrefixBytes);
  return message;
};

/**
 * The schema id of a message. Throws `datum_malformed` when the message does not begin with the magic byte and an id.
 */
export const schemaIdOf = (message: Buffer): number => {
  if (message.length < wirePrefixBytes) throw malformed(`only ${message.length} bytes`);
  if (message[0] !== magic) throw malformed(`magic byte is ${message[0]}, not 0`);
  return message.readUInt32BE(1);
};

export type Decoded = {
  schemaId: number;
  /** Full name of the writer's record. */
  recordName: string;
  value: unknown;
};

export type AvroDecoder = {
  /** Compiles `schema`, which the registry has under this id, before the first message that needs it. */
  expect(schemaId: number, schema: AvroSchema): void;
  /**
   * Reads a message written with any compatible schema as our own version of it, or as the writer's version where we
   * have none. `datum_malformed` and `schema_unknown` are poison; `registry_unavailable` is retriable.
   */
  decode(message: Buffer): Promise<Decoded>;
  /** How to read a message, and what it holds, without reading the datum: at once where its schema is known. */
  readingOf(message: Buffer): Reading | Promise<Reading>;
  /** Looks up the schemas of these messages together, as far as the registry has them. Never rejects. */
  prepare(messages: readonly Buffer[]): Promise<void>;
};

/** `recordName` is the full name of the writer's record. */
export type Reading = { recordName: string; read(message: Buffer): unknown };

/** `readers` are our own schemas; a record is read with the one of them that has the same full name. */
export const createAvroDecoder = (
  registry: Pick<SchemaRegistry, 'schemaById'>,
  readers: readonly AvroSchema[],
): AvroDecoder => {
  const own = new Map(readers.map((schema) => avroType(schema)).map((type) => [type.name, type]));
  const readings = new Map<number, Reading>();

  const compile = async (schemaId: number): Promise<Reading> => {
    const reading = compileReading(await registry.schemaById(schemaId), own, schemaId);
    readings.set(schemaId, reading);
    return reading;
  };
  const readingOf = (schemaId: number): Reading | Promise<Reading> =>
    readings.get(schemaId) ?? compile(schemaId);

  return {
    expect: (schemaId, schema) => {
      if (!readings.has(schemaId)) readings.set(schemaId, compileReading(schema, own, schemaId));
    },
    decode: async (message) => {
      const schemaId = schemaIdOf(message);
      const { recordName, read } = await readingOf(schemaId);
      return { schemaId, recordName, value: read(message) };
    },
    readingOf: (message) => readingOf(schemaIdOf(message)),
    prepare: async (messages) => {
      const missing = new Set<number>();
      for (const message of messages) {
        if (message.length < wirePrefixBytes || message[0] !== magic) continue;
        const schemaId = message.readUInt32BE(1);
        if (!readings.has(schemaId)) missing.add(schemaId);
      }
      await Promise.allSettled([...missing].map(compile));
    },
  };
};

const compileReading = (
  schema: AvroSchema,
  own: ReadonlyMap<string | undefined, avro.Type>,
  schemaId: number,
): Reading => {
  try {
    const writer = avroType(schema);
    const recordName = writer.name ?? '';
    const reader = own.get(recordName);
    const walk = listsWalk(schema);
    if (reader === undefined) return { recordName, read: reads(writer, walk) };
    return { recordName, read: reads(reader, walk, reader.createResolver(writer)) };
  } catch (error) {
    throw malformed(`schema ${schemaId} cannot be read: ${(error as Error).message}`, error);
  }
};

const reads =
  (type: avro.Type, walk?: Walk, resolver?: unknown) =>
  (message: Buffer): unknown => {
    if (walk !== undefined && walk(message, wirePrefixBytes, message.length) < 0)
      throw malformed(`${type.name}: the datum ends too early, or a number in it is too large`);
    let decoded: { value: unknown; offset: number };
    try {
      decoded = type.decode(message, wirePrefixBytes, resolver as never);
    } catch (error) {
      throw malformed(`${type.name}: ${(error as Error).message}`, error);
    }
    if (decoded.offset < 0) throw malformed(`${type.name}: the datum ends too early`);
    if (decoded.offset !== message.length)
      throw malformed(`${type.name}: ${message.length - decoded.offset} bytes after the datum`);
    return decoded.value;
  };

const whyNot = (type: avro.Type, value: unknown): string | undefined => {
  const reasons: string[] = [];
  type.isValid(value, {
    errorHook: (path, part, expected) => {
      const shown = typeof part === 'bigint' ? `${part}n` : JSON.stringify(part);
      reasons.push(`${path.join('.') || 'value'} is ${shown}, not ${expected.toString()}`);
    },
  });
  return reasons.length === 0 ? undefined : reasons.slice(0, 3).join('; ');
};

const malformed = (message: string, cause?: unknown) =>
  new PlatformError('datum_malformed', message, { retriable: false, cause });
