import type { z } from 'zod';
import { boundsOf } from '#platform/http/bounds';
import { strictJson } from '#platform/http/strict-json';
import { line } from '#platform/http/text';
import type { ImportLine } from './import-lines.js';
import type { CreateProduct } from './product.js';
import { createBody, createCommand } from './product-schemas.js';

export const lineBytesMax = 64 * 1024;

const importedProduct = createBody.extend({
  externalId: line(200)
    .optional()
    .describe(
      "The product's key in the system that it comes from. A line with a known one describes its product anew.",
    ),
});

/** A line that describes a product. `key` says which product it makes or describes anew; undefined for always a new one. */
export type Imported = { number: number; key: string | undefined; command: CreateProduct };

export const lineErrorCodes = [
  'line_too_long',
  'malformed_json',
  'invalid_product',
  'product_removed',
  'idempotency_key_reused',
] as const;

export type LineError = {
  line: number;
  code: (typeof lineErrorCodes)[number];
  errors: { path: string; message: string }[];
};

const errorsPerLineMax = 5;
const checkBounds = boundsOf(importedProduct, 'a line of an import');

/**
 * What a line says. `request` names the request for repeats: with it, a line without an `externalId` is known by its
 * number.
 */
export const importedFrom = (
  { number, bytes }: ImportLine,
  request: string | undefined,
): Imported | LineError => {
  const refused = (code: LineError['code'], errors: LineError['errors'] = []): LineError => ({
    line: number,
    code,
    errors: errors.slice(0, errorsPerLineMax),
  });
  if (bytes === null)
    return refused('line_too_long', [{ path: '', message: `must have at most ${lineBytesMax} bytes` }]);
  let value: unknown;
  try {
    value = strictJson(bytes);
  } catch (error) {
    return refused('malformed_json', [{ path: '', message: (error as Error).message }]);
  }
  const tooLarge: LineError['errors'] = [];
  checkBounds(value, '', tooLarge);
  if (tooLarge.length > 0) return refused('invalid_product', tooLarge);
  const { data, error } = importedProduct.safeParse(value);
  if (error !== undefined)
    return refused(
      'invalid_product',
      error.issues.map(({ path, message }) => ({ path: ['', ...path].map(String).join('/'), message })),
    );
  return { number, key: keyOf(data, number, request), command: createCommand(withoutKey(data)) };
};

type Stated = z.output<typeof importedProduct>;

const withoutKey = ({ externalId: _, ...body }: Stated): z.output<typeof createBody> => body;

const keyOf = ({ externalId }: Stated, number: number, request: string | undefined): string | undefined => {
  if (externalId !== undefined) return `external ${externalId}`;
  return request === undefined ? undefined : `request ${request} ${number}`;
};

export const isError = (line: Imported | LineError): line is LineError => 'code' in line;
