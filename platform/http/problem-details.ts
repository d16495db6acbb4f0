import { STATUS_CODES } from 'node:http';
import { z } from 'zod';

/** An error in one part of the input; `path` is a JSON pointer to it (`/items/0/quantity`). */
export type InputError = { path: string; message: string };

export type ProblemExtras = {
  errors?: readonly InputError[];
  /** Response headers of the answer, such as `Retry-After` or `Allow`. */
  headers?: Readonly<Record<string, string>>;
};

/** An answer other than success (RFC 9457). Thrown from a handler, or sent with `reply.send`. */
export class Problem extends Error {
  readonly status: number;
  /** Stable and in snake_case, for programs. */
  readonly code: string;
  readonly errors: readonly InputError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, detail: string, extras: ProblemExtras = {}) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.errors = extras.errors;
    this.headers = extras.headers ?? {};
  }
}

/** `throw problem(404, 'thing_not_found', 'There is no such thing.')` */
export const problem = (status: number, code: string, detail: string, extras?: ProblemExtras): Problem =>
  new Problem(status, code, detail, extras);

/** 503 with `Retry-After`: something that this request needs is not available for the moment. */
export const unavailable = (code: string, detail: string, retryAfterS = 1): Problem =>
  new Problem(503, code, detail, { headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterS))) } });

export const problemMediaType = 'application/problem+json';

const problemSchema = z
  .object({
    type: z.string().describe('A URI that names this kind of problem.'),
    title: z.string().describe('The name of the HTTP status.'),
    status: z.int().min(400).max(599),
    detail: z.string().describe('An explanation of this occurrence, for people.'),
    code: z
      .string()
      .regex(/^[a-z][a-z0-9_]*$/)
      .describe('A stable code for this kind of problem. Programs should decide by it.'),
    correlationId: z.string(),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('For invalid input: each error with the place where it is.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details.' });

export type ProblemBody = z.output<typeof problemSchema>;

export const problemBody = (from: Problem, correlationId: string): ProblemBody => ({
  type: `urn:problem:${from.code}`,
  title: STATUS_CODES[from.status] ?? 'Error',
  status: from.status,
  detail: from.message,
  code: from.code,
  correlationId,
  ...(from.errors === undefined ? {} : { errors: [...from.errors] }),
});

/**
 * The `response` entries for statuses that a route's handler answers. The server adds those that follow from the
 * route's declaration (400, 401, 403, 412, 413, 415, 428, 429, 503).
 */
export const problems = <S extends number>(...statuses: S[]): Record<S, ProblemResponse> =>
  Object.fromEntries(statuses.map((status) => [status, problemResponse(status)])) as Record<
    S,
    ProblemResponse
  >;

export type ProblemResponse = {
  description: string;
  content: Record<typeof problemMediaType, { schema: typeof problemSchema }>;
};

const problemResponse = (status: number): ProblemResponse => ({
  description: STATUS_CODES[status] ?? 'Error',
  content: { [problemMediaType]: { schema: problemSchema } },
});
