import { describe, expect, it } from 'vitest';
import { readArguments } from './command.js';

describe('the arguments of a back-fill', () => {
  it('name a table, and perhaps a range of times or of offsets', () => {
    expect(readArguments(['--table', 'sales'])).toEqual({
      request: { table: 'sales', fromMs: null, toMs: null, offsets: null },
      again: false,
      dropOld: false,
    });
    expect(
      readArguments(['--table', 'sales', '--from', '2026-01-01T00:00:00Z', '--to', '2026-01-02T00:00:00Z'])
        .request,
    ).toMatchObject({ fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2026, 0, 2) });
    expect(readArguments(['--table', 'sales', '--offsets', '0:5-9,12:7-']).request.offsets).toEqual({
      0: { from: 5, to: 9 },
      12: { from: 7, to: null },
    });
  });

  it('keep no old table with words that shoppers typed', () => {
    for (const table of ['shopper_activity', 'searches'])
      expect(readArguments(['--table', table]).dropOld).toBe(true);
  });

  it.for([
    [[]],
    [['--table', 'sales', '--from', 'yesterday']],
    [['--table', 'sales', '--offsets', '0:a-b']],
    [['--table', 'sales', '--offsets', '0:1-2', '--from', '2026-01-01']],
    [['--table', 'sales', '--from', '2026-01-02', '--to', '2026-01-01']],
    [['--table', 'sales', '--tabel', 'sales']],
  ])('are refused where they make no sense: %j', ([args]) => {
    expect(() => readArguments(args as string[])).toThrow();
  });
});
