import { compileFieldWalks, readLong, type Walk } from '#platform/messaging/datum-walk';
import type { AvroSchema } from '#platform/messaging/schema-registry';
import type { FieldRules, RecordRules, ValueRule } from '#schemas/value-rules';

/** A walk returns it instead of a position. */
export const malformed = -1;
export const meaningless = -2;

export type DatumWalk = {
  /**
   * Returns the position after the datum, `malformed` if the bytes are not a datum, or `meaningless` if it breaks a rule.
   */
  over: Walk;
  /** After a walk that found a datum: the start of each field and the end of the last one. The next walk overwrites it. */
  readonly bounds: Int32Array;
};

/** Compiles a walk over one datum of `schema` that also checks the fields that `rules` name, without decoding. */
export const compileDatumWalk = (schema: AvroSchema, rules: RecordRules | undefined): DatumWalk => {
  const { fields } = schema as { fields: readonly Field[] };
  const walks = compileFieldWalks(schema);
  const checks = fields.map((field) => checkOf(field, rules?.fields[field.name]));
  const cases = rules?.cases === undefined ? undefined : compileCases(fields, rules.cases);
  const bounds = new Int32Array(fields.length + 1);
  const over: Walk = (bytes, start, end) => {
    let at = start;
    let holds = true;
    for (let field = 0; field < walks.length; field += 1) {
      const next = (walks[field] as Walk)(bytes, at, end);
      if (next < 0) return malformed;
      const check = checks[field];
      if (check !== undefined && !check(bytes, at, next)) holds = false;
      at = next;
      bounds[field + 1] = at;
    }
    bounds[0] = start;
    if (!holds || (cases !== undefined && !cases(bytes, bounds))) return meaningless;
    return at;
  };
  return { over, bounds };
};

type Field = { name: string; type: unknown };

/** True if the well-formed value from `start` to `end` satisfies a rule. */
type Check = (bytes: Buffer, start: number, end: number) => boolean;

const checkOf = ({ type }: Field, rule: ValueRule | undefined): Check | undefined => {
  if (rule === undefined) return undefined;
  const check = 'min' in rule ? integerCheck(rule) : textCheck(rule);
  if (!Array.isArray(type)) return check;
  const nullByte = type.indexOf('null') * 2;
  return (bytes, start, end) => bytes[start] === nullByte || check(bytes, start + 1, end);
};

const integerCheck =
  ({ min, max }: { min: number; max: number }): Check =>
  (bytes, start, end) => {
    const value = readLong(bytes, start, end);
    return value >= min && value <= max;
  };

const textCheck = (rule: Exclude<ValueRule, { min: number }>): Check => {
  if ('bytesMin' in rule) return (bytes, start, end) => end - textStart(bytes, start) >= rule.bytesMin;
  if ('isOne' in rule)
    return (bytes, start, end) => rule.isOne(bytes.toString('utf8', textStart(bytes, start), end));
  if ('oneOf' in rule) {
    const choices = rule.oneOf.map((text) => Buffer.from(text));
    return (bytes, start, end) => {
      const from = textStart(bytes, start);
      for (let nth = 0; nth < choices.length; nth += 1)
        if (isText(bytes, from, end, choices[nth] as Buffer)) return true;
      return false;
    };
  }
  return codeCheck(rule.codes);
};

/** One lookup by the number that the three bytes make, however many codes there are. */
const codeCheck = (codes: readonly string[]): Check => {
  const known = new Set(codes.map((code) => codeNumber(Buffer.from(code), 0)));
  return (bytes, start, end) => {
    const from = textStart(bytes, start);
    return end - from === codeBytes && known.has(codeNumber(bytes, from));
  };
};

const codeBytes = 3;
const codeNumber = (bytes: Buffer, at: number): number =>
  ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);

/** The position of a text's first byte, after its length. */
export const textStart = (bytes: Buffer, start: number): number => {
  let at = start;
  while ((bytes[at++] as number) > 127);
  return at;
};

const isText = (bytes: Buffer, start: number, end: number, text: Buffer): boolean => {
  if (end - start !== text.length) return false;
  for (let at = 0; at < text.length; at += 1) if (bytes[start + at] !== text[at]) return false;
  return true;
};

type CasesCheck = (bytes: Buffer, bounds: Int32Array) => boolean;

const compileCases = (
  fields: readonly Field[],
  { by, of }: NonNullable<RecordRules['cases']>,
): CasesCheck | undefined => {
  const chooser = fields.findIndex(({ name }) => name === by);
  if (chooser < 0) return undefined;
  const cases = Object.entries(of).map(([choice, rules]) => ({
    choice: Buffer.from(choice),
    checks: checksOf(fields, rules),
  }));
  return (bytes, bounds) => {
    const end = bounds[chooser + 1] as number;
    const from = textStart(bytes, bounds[chooser] as number);
    for (const { choice, checks } of cases)
      if (isText(bytes, from, end, choice))
        return checks.every(({ field, check }) =>
          check(bytes, bounds[field] as number, bounds[field + 1] as number),
        );
    return false;
  };
};

const checksOf = (fields: readonly Field[], rules: FieldRules): { field: number; check: Check }[] =>
  fields.flatMap((each, field) => {
    const check = checkOf(each, rules[each.name]);
    return check === undefined ? [] : [{ field, check }];
  });
