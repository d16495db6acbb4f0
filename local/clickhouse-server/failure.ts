import { messageOf } from '#platform/errors';

/** A failure in the text form of a ClickHouse server: `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`. */
class ServerFailure extends Error {
  constructor(
    readonly code: number,
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'ServerFailure';
  }
}

export const refusal = (code: number, name: string, status: number, detail: string): ServerFailure =>
  new ServerFailure(code, status, `Code: ${code}. DB::Exception: ${detail} (${name})`);

/** The statuses a server gives to its common codes; every other code is a 500. */
const statusByCode = new Map([
  [20, 400], // NUMBER_OF_COLUMNS_DOESNT_MATCH
  [27, 400], // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  [36, 400], // BAD_ARGUMENTS
  [38, 400], // CANNOT_PARSE_DATE
  [41, 400], // CANNOT_PARSE_DATETIME
  [46, 404], // UNKNOWN_FUNCTION
  [47, 404], // UNKNOWN_IDENTIFIER
  [50, 404], // UNKNOWN_TYPE
  [53, 400], // TYPE_MISMATCH
  [60, 404], // UNKNOWN_TABLE
  [62, 400], // SYNTAX_ERROR
  [72, 400], // CANNOT_PARSE_NUMBER
  [73, 404], // UNKNOWN_FORMAT
  [81, 404], // UNKNOWN_DATABASE
  [115, 404], // UNKNOWN_SETTING
  [159, 408], // TIMEOUT_EXCEEDED
  [202, 503], // TOO_MANY_SIMULTANEOUS_QUERIES
  [456, 400], // UNKNOWN_QUERY_PARAMETER
  [457, 400], // BAD_QUERY_PARAMETER
]);

export const asFailure = (error: unknown): ServerFailure => {
  if (error instanceof ServerFailure) return error;
  const message = messageOf(error);
  const code = Number(/Code: (\d+)/.exec(message)?.[1] ?? 1001);
  const text = message.startsWith('Code:') ? message : `Code: ${code}. DB::Exception: ${message}`;
  return new ServerFailure(code, statusByCode.get(code) ?? 500, text);
};
