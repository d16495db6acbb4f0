import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

export const hasPython =
  spawnSync('python3', ['-c', 'import zoneinfo; zoneinfo.ZoneInfo("Europe/London")']).status === 0;

type Sums = { orders: number; units: number; gross: number; refunds: number; net: number };

/** What `figures.py` adds up from a file of invoices, by itself, in decimals and with the calendars of Python. */
export type ScriptFigures = {
  lines: number;
  /** By `<zone> <day|hour> <return_day|sale_day>`, then by the start of the bucket. */
  revenue: Record<string, Record<string, Sums>>;
  products: Record<string, { units: number; net: number }>;
  retention: Record<string, Record<string, number>>;
  basket: {
    orders: number;
    ordersOfProduct: number;
    together: Record<string, number>;
    own: Record<string, number>;
  };
  segments: Record<string, { buyers: number; orders: number; net: number }>;
  all: Sums & { buyers: number };
  october: Sums & { buyers: number; newBuyers: number };
};

/** `code` is the product about which it says what is bought together with it; `end` is that of the period, RFC 3339. */
export const figuresByScript = async (file: string, code: string, end: string): Promise<ScriptFigures> => {
  const { stdout } = await promisify(execFile)('python3', ['tests/invoices/figures.py', file, code, end], {
    maxBuffer: 256 * 1024 * 1024,
  });
  return JSON.parse(stdout);
};
