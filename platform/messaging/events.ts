import type avro from 'avsc';
import type { Clock } from '#platform/clock';
import { PlatformError } from '#platform/errors';
import { idOfText, newId } from '#platform/ids';
import { avroType, createAvroDecoder, encode } from '#platform/messaging/avro-codec';
import type { IncomingRecord, OutgoingRecord, RecordHeaders } from '#platform/messaging/broker';
import { headerNames } from '#platform/messaging/record-headers';
import type { AvroSchema, SchemaRegistry } from '#platform/messaging/schema-registry';
import type { Component, Host } from '#platform/service-host';
import { currentCorrelation } from '#platform/telemetry/correlation';
import { currentTraceparent } from '#platform/telemetry/tracing';
import { backoffMs } from '#platform/waiting/backoff';
import { endsWithin } from '#platform/waiting/deadline';
import { sleep } from '#platform/waiting/sleep';

/**
 * The topic, key and schema of each event, by its type. The platform imports no events; it receives this table as a
 * value. No table has a `value` at run time: that field exists for the compiler, as the type of the event's payload.
 */
export type EventTable<E = Record<string, unknown>> = {
  readonly [T in keyof E]: {
    readonly topic: string;
    readonly subject: string;
    readonly schema: AvroSchema;
    readonly value?: E[T];
  };
};

export type EventOptions = {
  /** Epoch milliseconds. */
  occurredAt: number;
  /** A new UUIDv7 if unset. Set it where the payload contains the same id. */
  eventId?: string;
  /** The current context's correlation id if unset; a new id where there is no context. */
  correlationId?: string;
  /** The event that is being handled, if any, when unset. */
  causationId?: string;
};

/** An event ready for `outbox.append` or, where no state goes with it, for `producer.send`. */
export type EventMessage = Omit<OutgoingRecord, 'key' | 'value' | 'headers'> & {
  key: string;
  value: Buffer;
  headers: RecordHeaders;
};

/**
 * `in out` makes the type invariant: a store that publishes the events `E` takes a publisher of exactly these, so that
 * a service declares all events that it publishes and no others.
 */
type Encode<in out E> = <T extends keyof E & string>(
  type: T,
  key: string,
  value: E[T],
  options: EventOptions,
) => EventMessage;

export type EventPublisher<E> = Component & {
  /**
   * Encodes one event with headers from the current context. Synchronous. Throws a retriable `registry_unavailable`
   * until `start` has looked up the schema's id.
   */
  event: Encode<E>;
};

const idRetry = { minMs: 100, maxMs: 2_000 };
const startWaitMsMax = 5_000;

/**
 * `start` looks up the schema ids of all `types` and waits 5 s at most, so that a registry that is away delays a start
 * but does not prevent it; after that it repeats the requests in the background. An id is cached for ever. `types` are
 * the events that this process publishes: publishing another one does not compile.
 */
export const createEventPublisher = <E, const P extends keyof E & string>(
  host: Pick<Host, 'logger' | 'clock'>,
  registry: SchemaRegistry,
  table: EventTable<E>,
  types: readonly P[],
): EventPublisher<Pick<E, P>> => {
  const ready = new Map<string, { topic: string; schemaId: number; type: avro.Type }>();
  const wanted = types.map((name) => [name, table[name]] as const);
  let stopped = false;

  const lookUp = async (): Promise<void> => {
    for (let attempt = 0; !stopped; attempt += 1) {
      const missing = wanted.filter(([name]) => !ready.has(name));
      const failures = await Promise.all(missing.map(resolve));
      const failure = failures.find((each) => each !== undefined);
      if (failure === undefined) return;
      if (attempt === 0) host.logger.warn({ err: failure }, 'schema ids could not be looked up yet');
      await sleep(backoffMs(idRetry, attempt + 1));
    }
  };
  const resolve = async ([name, { topic, subject, schema }]: (typeof wanted)[number]) => {
    try {
      ready.set(name, { topic, schemaId: await registry.idOf(subject, schema), type: avroType(schema) });
      return undefined;
    } catch (error) {
      return error;
    }
  };

  return {
    name: 'schema-registry',
    event: (type, key, value, options) => {
      const known = ready.get(type);
      if (known === undefined)
        throw new PlatformError('registry_unavailable', `the schema id of ${type} is not known yet`, {
          retriable: true,
        });
      return {
        topic: known.topic,
        key,
        value: encode(known.schemaId, known.type, value),
        headers: eventHeaders(options, host.clock),
      };
    },
    start: async () => {
      await endsWithin(startWaitMsMax, lookUp());
    },
    stop: async () => {
      stopped = true;
    },
    checkHealth: async () =>
      ready.size === wanted.length
        ? { status: 'up' }
        : { status: 'degraded', detail: `${wanted.length - ready.size} schema ids unknown` },
  };
};

const eventHeaders = (options: EventOptions, clock: Clock): RecordHeaders => {
  const correlation = currentCorrelation();
  const causationId = options.causationId ?? correlation?.causationId;
  const traceparent = currentTraceparent();
  return {
    [headerNames.eventId]: options.eventId ?? newId(clock),
    [headerNames.correlationId]: options.correlationId ?? correlation?.correlationId ?? newId(clock),
    ...(causationId === undefined ? {} : { [headerNames.causationId]: causationId }),
    ...(traceparent === undefined ? {} : { [headerNames.traceparent]: traceparent }),
    [headerNames.occurredAt]: String(options.occurredAt),
  };
};

/** An event as it came from Kafka. */
export type ReceivedEvent<T extends string = string, V = unknown> = {
  type: T;
  /** Read with our own version of the schema. */
  value: V;
  key: string;
  /** From the headers; `<topic>-<partition>-<offset>` for a record of a producer that sets none. */
  eventId: string;
  correlationId: string;
  causationId: string | undefined;
  traceparent: string | undefined;
  /** Epoch milliseconds; the record's own time where the producer sets none. */
  occurredAt: number;
  topic: string;
  partition: number;
  offset: bigint;
  /** How often this process has tried to handle it, where it is not the first time. */
  attempt?: number;
};

export type EventReader = {
  /** Looks up and compiles our own schemas of these types before the first event. Rejects as the registry does. */
  expect(types: readonly string[]): Promise<void>;
  /**
   * The event, or null for a tombstone and for a type for which `wants` is false (its datum is then not decoded).
   * For poison it throws a fault that is not retriable.
   */
  read(
    at: { topic: string; partition: number },
    record: IncomingRecord,
    wants?: (type: string) => boolean,
  ): Promise<ReceivedEvent | null>;
  /**
   * Looks up the schemas of a whole batch at once, so that ids which the registry does not have hold the partition for
   * one bounded time together, not one after the other. Never rejects: `read` reports a missing schema.
   */
  prepare(records: readonly Pick<IncomingRecord, 'value'>[]): Promise<void>;
};

/** Visible ASCII without spaces. Every receiver stores and indexes ids, so they are bounded here. */
const writtenId = /^[\x21-\x7e]{1,200}$/;

/**
 * The header's event id, which is the same when an event is sent again. Undefined where the header is missing or no id.
 */
export const eventIdOf = (record: Pick<IncomingRecord, 'headers'>): string | undefined => {
  const id = record.headers[headerNames.eventId];
  return id !== undefined && writtenId.test(id) ? id : undefined;
};

const idIn = (record: Pick<IncomingRecord, 'headers'>, name: string): string | undefined => {
  const id = record.headers[name];
  if (id !== undefined && !writtenId.test(id))
    throw new PlatformError('datum_malformed', `the header ${name} is no id`, { retriable: false });
  return id;
};

/** The id of where the record lies: the same at every delivery, and of no other record. */
const idOfPlace = (topic: string, partition: number, offset: bigint): string =>
  idOfText(`${topic}/${partition}/${offset}`);

/** A text that says which rule the value of an event breaks; undefined where it breaks none. */
export type BrokenRule = (type: string, value: object) => string | undefined;

/** An event that breaks a rule is poison: its schema allows the value, but the value makes no sense. */
export const createEventReader = (
  registry: SchemaRegistry,
  table: EventTable,
  brokenRule: BrokenRule = () => undefined,
): EventReader => {
  const entries = Object.entries(table);
  const decoder = createAvroDecoder(
    registry,
    entries.map(([, { schema }]) => schema),
  );
  const typeByRecord = new Map(entries.map(([type, { schema }]) => [avroType(schema).name, type]));
  const typeOf = (recordName: string) => typeByRecord.get(recordName) ?? recordName;

  return {
    prepare: (records) => decoder.prepare(records.flatMap(({ value }) => value ?? [])),
    expect: async (types) => {
      for (const type of types) {
        const entry = table[type];
        if (entry !== undefined)
          decoder.expect(await registry.idOf(entry.subject, entry.schema), entry.schema);
      }
    },
    read: async ({ topic, partition }, record, wants) => {
      if (record.value === null) return null;
      // Nothing is awaited for a schema that is known: that would be a quarter of what reading an event costs.
      const found = decoder.readingOf(record.value);
      const { recordName, read } = found instanceof Promise ? await found : found;
      if (wants !== undefined && !wants(typeOf(recordName))) return null;
      const value = read(record.value);
      const broken = brokenRule(typeOf(recordName), value as object);
      if (broken !== undefined) throw new PlatformError('datum_meaningless', broken, { retriable: false });
      const eventId = idIn(record, headerNames.eventId) ?? idOfPlace(topic, partition, record.offset);
      const occurredAt = Number(record.headers[headerNames.occurredAt] ?? Number.NaN);
      return {
        type: typeOf(recordName),
        value,
        key: record.key?.toString('utf8') ?? '',
        eventId,
        correlationId: idIn(record, headerNames.correlationId) ?? eventId,
        causationId: idIn(record, headerNames.causationId),
        traceparent: record.headers[headerNames.traceparent],
        occurredAt: Number.isFinite(occurredAt) ? occurredAt : record.timestampMs,
        topic,
        partition,
        offset: record.offset,
      };
    },
  };
};
