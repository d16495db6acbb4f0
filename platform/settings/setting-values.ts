import type { Logger } from '#platform/service-host';
import type { LiveSetting, SettingChange } from './live-setting.js';

export type SettingValues = {
  /** A function that returns the current value; `fallback` while none is set. */
  of<T>(setting: LiveSetting<T>, fallback: T): () => T;
  /**
   * Applies a change. The last one decides, whatever its version: the log keeps the changes of a setting in order, and
   * the versions count anew after the service that counts them has lost its database.
   */
  apply(change: SettingChange): void;
};

type Cell = { read(change: SettingChange | undefined): void };

/** The current values of settings, read without waiting. A value that its schema refuses counts as not set. */
export const createSettingValues = (logger: Pick<Logger, 'warn' | 'info'>): SettingValues => {
  const newest = new Map<string, SettingChange>();
  const cells = new Map<string, Cell[]>();

  return {
    of: <T>({ key, schema }: LiveSetting<T>, fallback: T) => {
      let current = fallback;
      const read = (change: SettingChange | undefined): void => {
        const parsed = parse(schema, change?.value ?? null);
        if (parsed === invalid) logger.warn({ key, version: change?.version }, 'setting refused');
        current = parsed === invalid || parsed === unset ? fallback : parsed;
      };
      cells.set(key, [...(cells.get(key) ?? []), { read }]);
      read(newest.get(key));
      return () => current;
    },
    apply: (change) => {
      const { key } = change;
      newest.set(key, change);
      for (const cell of cells.get(key) ?? []) cell.read(change);
    },
  };
};

const unset = Symbol('unset');
const invalid = Symbol('invalid');

const parse = <T>(
  schema: LiveSetting<T>['schema'],
  json: string | null,
): T | typeof unset | typeof invalid => {
  if (json === null) return unset;
  try {
    const parsed = schema.safeParse(JSON.parse(json));
    return parsed.success ? parsed.data : invalid;
  } catch {
    return invalid;
  }
};
