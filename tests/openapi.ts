/** Reads the gateway's OpenAPI document for tests: every operation with the schemas of its parameters and body. */

export type Schema = {
  type?: string;
  format?: string;
  enum?: unknown[];
  minimum?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
};

export type Operation = {
  /** In capitals. */
  method: string;
  /** With its parameters in braces. */
  path: string;
  parameters: { name: string; in: string; required?: boolean; schema: Schema }[];
  /** Of the JSON body; undefined without one. */
  body: Schema | undefined;
  /** The statuses of its answers. */
  statuses: number[];
  /** What an API key needs for it; undefined where no key is good. */
  scope: string | undefined;
};

type Document = {
  paths: Record<
    string,
    Record<
      string,
      {
        parameters?: Operation['parameters'];
        requestBody?: unknown;
        responses: Record<string, unknown>;
        security?: Record<string, string[]>[];
      }
    >
  >;
  components?: { schemas?: Record<string, Schema> };
  'x-missing-services'?: string[];
};

/** Every operation of the document. Throws while a service has not given its part. */
export const documented = async (gateway: string): Promise<{ operations: Operation[] }> => {
  const document = (await (await fetch(`${gateway}/openapi.json`)).json()) as Document;
  const missing = document['x-missing-services'] ?? [];
  if (missing.length > 0) throw new Error(`the document has no part of ${missing.join(', ')}`);
  // A schema that contains itself is looked at once: inside itself it stands for null, which it allows.
  const resolved = (value: unknown, within: readonly string[] = []): unknown => {
    if (Array.isArray(value)) return value.map((inner) => resolved(inner, within));
    if (typeof value !== 'object' || value === null) return value;
    const { $ref } = value as { $ref?: string };
    if ($ref !== undefined && within.includes($ref)) return { type: 'null' };
    if ($ref !== undefined)
      return resolved(document.components?.schemas?.[$ref.split('/').at(-1) ?? ''], [...within, $ref]);
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, resolved(inner, within)]));
  };
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody, responses, security = [] }]) => {
      const body = resolved(requestBody) as { content?: Record<string, { schema: Schema }> } | undefined;
      return {
        method: method.toUpperCase(),
        path,
        parameters: resolved(parameters) as Operation['parameters'],
        body: body?.content?.['application/json']?.schema,
        statuses: Object.keys(responses).map(Number),
        scope: security.flatMap(({ apiKey }) => apiKey ?? [])[0],
      };
    }),
  );
  return { operations };
};
