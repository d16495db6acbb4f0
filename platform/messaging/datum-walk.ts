import type { AvroSchema } from '#platform/messaging/schema-registry';

/**
 * Steps over one Avro value without decoding it: returns the position after it, or -1 if the bytes from `start` to
 * `end` do not contain one.
 *
 * Datums follow each other directly in an Avro file, and nothing marks the end of one. If a datum were one byte short,
 * a reader would take the first byte of the next one for its last, and misread all that follow. Walking each datum
 * before it goes into a file takes a few dozen nanoseconds, and a malformed datum then affects only its own record. The
 * limits are those of ClickHouse's reader, so ClickHouse accepts every datum that passes here. Whoever decodes a list has
 * to walk it first too: avsc allocates as many items as a datum says it has, before it looks for one of them.
 */
export type Walk = (bytes: Buffer, start: number, end: number) => number;

type Schema = string | readonly Schema[] | { type: unknown; [key: string]: unknown };

/**
 * The walk of a whole datum that may have a list; undefined for a schema without one, whose decoding allocates no more than it
 * reads. Throws on a schema that is not Avro.
 */
export const listsWalk = (schema: AvroSchema): Walk | undefined =>
  /"type":"(array|map)"/.test(JSON.stringify(schema)) ? compile(schema as Schema, '', new Map()) : undefined;

/** The walks of a record's fields, in order. Throws on a schema that is not Avro. */
export const compileFieldWalks = (schema: AvroSchema): Walk[] => {
  const { fields, namespace } = schema as { fields: { type: Schema }[]; namespace?: string };
  const named = new Map<string, { walk?: Walk }>();
  return fields.map((field) => compile(field.type, namespace ?? '', named));
};

const longBytesMax = 10;
const nestingMax = 64;

const compile = (schema: Schema, namespace: string, named: Map<string, { walk?: Walk }>): Walk => {
  if (Array.isArray(schema)) return union(schema.map((branch) => compile(branch, namespace, named)));
  if (typeof schema === 'string') return primitive(schema) ?? reference(schema, namespace, named);
  const { type, ...rest } = schema as { type: Schema } & Record<string, unknown>;
  if (typeof type !== 'string') return compile(type, namespace, named);
  const inside = (rest.namespace as string | undefined) ?? namespace;
  const declare = (make: () => Walk): Walk => {
    const entry: { walk?: Walk } = {};
    named.set(fullName(String(rest.name), inside), entry);
    entry.walk = make();
    return entry.walk;
  };
  switch (type) {
    case 'record':
    case 'error':
      return declare(() =>
        record((rest.fields as { type: Schema }[]).map((field) => compile(field.type, inside, named))),
      );
    case 'enum': {
      const symbols = (rest.symbols as unknown[]).length;
      return declare(() => index(symbols));
    }
    case 'fixed': {
      const size = Number(rest.size);
      return declare(() => fixed(size));
    }
    case 'array':
      return items(compile(rest.items as Schema, inside, named));
    case 'map': {
      const value = compile(rest.values as Schema, inside, named);
      return items(record([text, value]));
    }
    default:
      return primitive(type) ?? reference(type, inside, named);
  }
};

const fullName = (name: string, namespace: string): string =>
  name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;

const reference = (name: string, namespace: string, named: Map<string, { walk?: Walk }>): Walk => {
  const entry = named.get(fullName(name, namespace)) ?? named.get(name);
  if (entry === undefined) throw new Error(`${name} is not an Avro type`);
  let depth = 0;
  return (bytes, start, end) => {
    if (entry.walk === undefined || depth >= nestingMax) return -1;
    depth += 1;
    const next = entry.walk(bytes, start, end);
    depth -= 1;
    return next;
  };
};

const primitive = (name: string): Walk | undefined => {
  switch (name) {
    case 'null':
      return (_bytes, start) => start;
    case 'boolean':
      return (bytes, start, end) => (start < end && (bytes[start] as number) <= 1 ? start + 1 : -1);
    case 'int':
      return int;
    case 'long':
      return long;
    case 'float':
      return fixed(4);
    case 'double':
      return fixed(8);
    case 'bytes':
    case 'string':
      return text;
    default:
      return undefined;
  }
};

const fixed =
  (size: number): Walk =>
  (_bytes, start, end) =>
    start + size <= end ? start + size : -1;

const long: Walk = (bytes, start, end) => {
  const limit = Math.min(end, start + longBytesMax);
  for (let at = start; at < limit; at += 1) if ((bytes[at] as number) < 128) return at + 1;
  return -1;
};

const int: Walk = (bytes, start, end) => {
  const next = long(bytes, start, end);
  if (next - start < 5) return next;
  // Five bytes have 35 bits, and the value must fit into 32.
  return next - start === 5 && (bytes[next - 1] as number) < 16 ? next : -1;
};

const text: Walk = (bytes, start, end) => {
  if (start >= end) return -1;
  const first = bytes[start] as number;
  if (first < 128) {
    const next = start + 1 + (first >> 1);
    return (first & 1) === 0 && next <= end ? next : -1;
  }
  const body = long(bytes, start, end);
  if (body < 0) return -1;
  const length = readLong(bytes, start, body);
  return length >= 0 && body + length <= end ? body + length : -1;
};

const index =
  (size: number): Walk =>
  (bytes, start, end) => {
    const next = long(bytes, start, end);
    if (next < 0) return -1;
    const at = readLong(bytes, start, next);
    return at >= 0 && at < size ? next : -1;
  };

const union =
  (branches: readonly Walk[]): Walk =>
  (bytes, start, end) => {
    if (start >= end) return -1;
    // Our schemas have no union of more than 64 branches, so the index is one byte.
    const branch = branches[(bytes[start] as number) / 2];
    return branch === undefined ? -1 : branch(bytes, start + 1, end);
  };

const record =
  (fields: readonly Walk[]): Walk =>
  (bytes, start, end) => {
    let at = start;
    for (let field = 0; field < fields.length; field += 1) {
      at = (fields[field] as Walk)(bytes, at, end);
      if (at < 0) return -1;
    }
    return at;
  };

const items =
  (item: Walk): Walk =>
  (bytes, start, end) => {
    let at = start;
    for (;;) {
      let next = long(bytes, at, end);
      if (next < 0) return -1;
      let count = readLong(bytes, at, next);
      at = next;
      if (count === 0) return at;
      if (count < 0) {
        count = -count;
        next = long(bytes, at, end);
        if (next < 0) return -1;
        at = next;
      }
      if (count > end - at) return -1;
      for (let walked = 0; walked < count; walked += 1) {
        next = item(bytes, at, end);
        // An item without bytes, such as null, is refused: a datum could have any number of them.
        if (next <= at) return -1;
        at = next;
      }
    }
  };

/** A zigzag long; beyond 2^53 only its sign is right, which is all that a length needs. */
export const readLong = (bytes: Buffer, start: number, end: number): number => {
  let low = 0;
  let at = start;
  for (let shift = 0; at < end && shift < 28; at += 1, shift += 7)
    low |= ((bytes[at] as number) & 127) << shift;
  if (at === end) return (low >>> 1) ^ -(low & 1);
  let value = low;
  for (let scale = 2 ** 28; at < end; at += 1, scale *= 128) value += ((bytes[at] as number) & 127) * scale;
  return (low & 1) === 0 ? value / 2 : -(value + 1) / 2;
};
