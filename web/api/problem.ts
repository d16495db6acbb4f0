import type { components } from './schema.d.ts';

export type ProblemBody = components['schemas']['Problem'];

/** The API refused a request. `code` is stable: programs decide by it, and words/ has a sentence for it. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly correlationId: string | undefined;
  readonly errors: readonly { path: string; message: string }[];
  /** How long to wait before another try; only where the API has said so. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, body: Partial<ProblemBody>, retryAfterMs: number | undefined) {
    super(body.detail ?? body.title ?? `The server answered with ${status}.`);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = body.code ?? 'unexpected_answer';
    this.correlationId = body.correlationId;
    this.errors = body.errors ?? [];
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer came: the network or the gateway is away. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('The shop cannot be reached.', { cause });
    this.name = 'Unreachable';
  }
}

export const problemOf = async (response: Response): Promise<ApiProblem> => {
  const retryAfterS = Number(response.headers.get('retry-after') ?? Number.NaN);
  const body = (await response.json().catch(() => ({}))) as Partial<ProblemBody>;
  const { correlationId = response.headers.get('x-correlation-id') ?? undefined } = body;
  return new ApiProblem(
    response.status,
    { ...body, ...(correlationId === undefined ? {} : { correlationId }) },
    Number.isFinite(retryAfterS) ? retryAfterS * 1000 : undefined,
  );
};

/** Whether the same request may succeed later: no answer, a limit, or a service that is away. */
export const isPassing = (error: unknown): boolean =>
  error instanceof Unreachable ||
  (error instanceof ApiProblem && (error.status === 429 || error.status === 502 || error.status === 503));

/** The message of each field of a refused body, by its path. */
export const fieldErrorsOf = (error: unknown): Readonly<Record<string, string>> =>
  error instanceof ApiProblem
    ? Object.fromEntries(error.errors.map(({ path, message }) => [path.replace(/^body[./]/, ''), message]))
    : {};
