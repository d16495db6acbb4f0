import { z } from 'zod';

export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };

const textCharsMax = 10_000;
/** With as many members, well below what a body may have altogether: see `strictJson`. */
const itemsMax = 1000;
const nameCharsMax = 1000;
const membersMax = 1000;
/** As the parser has it; named here because the document does not add it to a named schema. */
const keepable = (lengthMax: number) =>
  z
    .string()
    .max(lengthMax, { abort: true })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what is refused
    .regex(/^[^\x00]*$/);
/** Larger numbers lose digits on their way. */
const safeNumber = z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);

/** Any JSON that the parser accepts. It has a name, so that the document can refer to it from within. */
export const jsonValue: z.ZodType<JsonValue, JsonValue> = z
  .lazy(() =>
    z.union([
      keepable(textCharsMax),
      safeNumber,
      z.boolean(),
      z.null(),
      z.array(jsonValue).max(itemsMax),
      z.record(keepable(nameCharsMax), jsonValue).meta({ maxProperties: membersMax }),
    ]),
  )
  .meta({ id: 'JsonValue' });

/** A field that an answer has and its request may have, so that what was read can be sent back with a change in it. */
export const ignored = jsonValue
  .optional()
  .describe('Set by the server. A request may contain it; the server ignores it.');
