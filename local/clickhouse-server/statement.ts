/**
 * The parts of a statement that the server has to parse itself: whether data follows it, the format of its answer, and
 * whether it changes the session. The engine parses everything else.
 */
export type Statement =
  | { kind: 'insert-data'; sql: string; format: string }
  | { kind: 'select'; sql: string; format: string; streamable: boolean }
  | { kind: 'session'; sql: string }
  | { kind: 'other'; sql: string; format: string };

/** Formats whose chunks can be concatenated, because they have no header and no footer. */
const concatenable = new Set([
  'JSONEachRow',
  'JSONCompactEachRow',
  'JSONStringsEachRow',
  'JSONCompactStringsEachRow',
  'NDJSON',
  'JSONLines',
  'TabSeparated',
  'TSV',
  'TabSeparatedRaw',
  'TSVRaw',
  'CSV',
  'RowBinary',
]);

const identifier = /[A-Za-z0-9_]/;

/** Calls `visit` for every word outside quotes and comments, with its position and its depth in parentheses. */
const eachWord = (sql: string, visit: (word: string, start: number, depth: number) => void): void => {
  let depth = 0;
  for (let at = 0; at < sql.length; ) {
    const char = sql[at]!;
    if (char === "'" || char === '"' || char === '`') {
      at = endOfQuoted(sql, at);
    } else if (char === '-' && sql[at + 1] === '-') {
      const end = sql.indexOf('\n', at);
      at = end === -1 ? sql.length : end + 1;
    } else if (char === '/' && sql[at + 1] === '*') {
      const end = sql.indexOf('*/', at + 2);
      at = end === -1 ? sql.length : end + 2;
    } else if (identifier.test(char)) {
      let end = at + 1;
      while (end < sql.length && identifier.test(sql[end]!)) end++;
      visit(sql.slice(at, end), at, depth);
      at = end;
    } else {
      if (char === '(') depth++;
      if (char === ')') depth--;
      at++;
    }
  }
};

const endOfQuoted = (sql: string, start: number): number => {
  const quote = sql[start];
  for (let at = start + 1; at < sql.length; at++) {
    if (sql[at] === '\\') at++;
    else if (sql[at] === quote) return at + 1;
  }
  return sql.length;
};

type Outline = {
  first: string;
  nested: boolean;
  format?: { name: string; start: number; end: number };
  settingsStart?: number;
  hasSource: boolean;
};

/** The top-level keywords of a statement that may end with raw data, which is not parsed. */
const outline = (sql: string): Outline => {
  const found: Outline = { first: '', nested: false, hasSource: false };
  let formatStart = -1;
  eachWord(sql, (word, start, depth) => {
    if (found.format) return;
    const upper = word.toUpperCase();
    if (found.first === '') found.first = upper;
    else if (formatStart >= 0) {
      found.format = { name: word, start: formatStart, end: start + word.length };
    } else if (depth > 0) {
      if (upper === 'SELECT') found.nested = true;
    } else if (upper === 'FORMAT') formatStart = start;
    else if (upper === 'SETTINGS') found.settingsStart = start;
    else if (upper === 'SELECT' || upper === 'VALUES' || upper === 'INFILE' || upper === 'WATCH') {
      found.hasSource = true;
    } else if (upper === 'WITH') found.nested = true;
  });
  return found;
};

const answering = new Set(['SELECT', 'WITH']);
const sessionChanging = new Set(['SET', 'USE']);

/** `bodyFollows`: the request's body is data for a statement that came in the URL. */
export const readStatement = (sql: string, defaultFormat: string, bodyFollows: boolean): Statement => {
  const { first, nested, format } = outline(sql);
  if (first === 'INSERT' && bodyFollows) {
    return { kind: 'insert-data', sql, format: format?.name ?? 'Values' };
  }
  if (sessionChanging.has(first)) return { kind: 'session', sql };
  const answerFormat = first === 'INSERT' ? defaultFormat : (format?.name ?? defaultFormat);
  if (answering.has(first)) {
    // The engine evaluates scalar subqueries on the event loop while it opens a stream, so such statements are
    // buffered.
    const streamable = !nested && concatenable.has(answerFormat);
    return { kind: 'select', sql, format: answerFormat, streamable };
  }
  return { kind: 'other', sql, format: answerFormat };
};

/** Where the data begins in a body that holds `INSERT … FORMAT X` and the data itself; -1 if it holds none. */
export const inlineDataStart = (sql: string): number => {
  const { first, format, hasSource } = outline(sql);
  if (first !== 'INSERT' || !format || hasSource) return -1;
  const rest = sql.slice(format.end);
  const gap = /^[ \t]*\r?\n|^\s+/.exec(rest);
  return gap && rest.trim().length > 0 ? format.end + gap[0].length : -1;
};

/** The same INSERT, but with its data read from `file`. */
export const insertFromFile = (sql: string, file: string): string => {
  const { format, settingsStart } = outline(sql);
  const formatName = format?.name ?? 'Values';
  const head = sql.slice(0, settingsStart ?? format?.start ?? valuesStart(sql)).trimEnd();
  const settings = settingsStart === undefined ? '' : sql.slice(settingsStart, format?.start).trimEnd();
  const fromInput = /\binput\s*\(/i;
  if (fromInput.test(head)) {
    return `${head.replace(fromInput, `file('${file}', '${formatName}', `)} ${settings}`;
  }
  return `${head} FROM INFILE '${file}' COMPRESSION 'none' ${settings} FORMAT ${formatName}`;
};

const valuesStart = (sql: string): number => {
  let start = sql.length;
  eachWord(sql, (word, at, depth) => {
    if (depth === 0 && word.toUpperCase() === 'VALUES') start = at;
  });
  return start;
};
