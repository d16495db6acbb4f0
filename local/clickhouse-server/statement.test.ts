import { describe, expect, it } from 'vitest';
import { inlineDataStart, insertFromFile, readStatement } from './statement.js';

describe('an INSERT whose data follows it', () => {
  it.each([
    ['INSERT INTO t FORMAT Avro', "INSERT INTO t FROM INFILE '/f' COMPRESSION 'none'  FORMAT Avro"],
    [
      'INSERT INTO `FORMAT` (a, `SETTINGS`) SETTINGS async_insert = 0 FORMAT CSV',
      "INSERT INTO `FORMAT` (a, `SETTINGS`) FROM INFILE '/f' COMPRESSION 'none' SETTINGS async_insert = 0 FORMAT CSV",
    ],
    ['INSERT INTO t VALUES', "INSERT INTO t FROM INFILE '/f' COMPRESSION 'none'  FORMAT Values"],
    [
      "INSERT INTO t SELECT n + 1 FROM input('n UInt8') FORMAT TSV",
      "INSERT INTO t SELECT n + 1 FROM file('/f', 'TSV', 'n UInt8') ",
    ],
  ])('%s is made to read a file', (sql, rewritten) => {
    expect(insertFromFile(sql, '/f')).toBe(rewritten);
  });

  it('is told from its data by the first space behind the name of the format', () => {
    const sql = 'INSERT INTO t FORMAT JSONEachRow\n{"a": "FORMAT X"}';
    expect(sql.slice(inlineDataStart(sql))).toBe('{"a": "FORMAT X"}');
    expect(inlineDataStart('INSERT INTO t VALUES (1)')).toBe(-1);
    expect(inlineDataStart("INSERT INTO t SELECT 'FORMAT CSV 1'")).toBe(-1);
  });
});

describe('the format of an answer', () => {
  it.each([
    ['SELECT 1', 'TabSeparated', true],
    ['select 1 format JSONEachRow', 'JSONEachRow', true],
    ["SELECT 'x FORMAT CSV' -- FORMAT XML\n FORMAT JSON", 'JSON', false],
    ['SELECT 1 /* FORMAT CSV */ SETTINGS max_threads = 1', 'TabSeparated', true],
    ['SELECT (SELECT count() FROM t) FORMAT CSV', 'CSV', false],
    ['WITH x AS (SELECT 1) SELECT * FROM x', 'TabSeparated', false],
  ])('%s', (sql, format, streamable) => {
    expect(readStatement(sql, 'TabSeparated', false)).toMatchObject({ kind: 'select', format, streamable });
  });
});

it('SET and USE are known to change the session', () => {
  expect(readStatement('  set a = 1', 'TSV', false).kind).toBe('session');
  expect(readStatement('/* why */ USE x', 'TSV', false).kind).toBe('session');
  expect(readStatement('DROP TABLE x', 'TSV', false).kind).toBe('other');
});
