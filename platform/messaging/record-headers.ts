import type { RawHeader, RecordHeaders } from '#platform/messaging/broker';

/** The names of the headers, which any tool can read without a schema. `occurred-at` is epoch milliseconds. */
export const headerNames = {
  eventId: 'event-id',
  correlationId: 'correlation-id',
  causationId: 'causation-id',
  traceparent: 'traceparent',
  occurredAt: 'occurred-at',
} as const;

const noHeaders: RecordHeaders = Object.freeze({});

/** Headers as text: the last value of each name, without the names whose last value is missing. */
export const headerText = (headers: readonly RawHeader[]): RecordHeaders => {
  if (headers.length === 0) return noHeaders;
  // Without a prototype, so that `__proto__` is a name like any other.
  const text: RecordHeaders = Object.create(null);
  for (const [name, value] of headers)
    if (value === null) delete text[name];
    else text[name] = value.toString('utf8');
  return text;
};

/** Headers as a list, however they were given. */
export const headerList = (headers: RecordHeaders | readonly RawHeader[]): readonly RawHeader[] =>
  isList(headers) ? headers : Object.entries(headers).map(([name, value]) => [name, Buffer.from(value)]);

/** Headers by name, in the order of their first appearance; those of one name keep theirs. */
export const headersByName = (headers: readonly RawHeader[]): Map<string, (Buffer | null)[]> => {
  const byName = new Map<string, (Buffer | null)[]>();
  for (const [name, value] of headers) {
    const known = byName.get(name);
    if (known === undefined) byName.set(name, [value]);
    else known.push(value);
  }
  return byName;
};

const isList = (headers: RecordHeaders | readonly RawHeader[]): headers is readonly RawHeader[] =>
  Array.isArray(headers);
