import type { Logger } from '#platform/service-host';
import type { LiveSetting, SettingChange } from './live-setting.js';

export type SettingValues = {
  /** A function that returns the current value; `fallback` while none is set. */
  of<T>(setting: LiveSetting<T>, fallback: T): () => T;
  /**
   * Applies changes in the order of the log; only what they come to in the end is read. The last one of a setting decides,
   * also with a lower version, because the versions count anew after the service that counts them has lost its database.
   * Only one that is neither newer by its version nor by its time is passed over: a late copy, which a relay sends whose
   * send hung while it lost its lead.
   */
  apply(changes: readonly SettingChange[]): void;
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
    apply: (changes) => {
      const changed = new Set<string>();
      for (const change of changes) {
        if (isLateCopy(change, newest.get(change.key))) continue;
        newest.set(change.key, change);
        changed.add(change.key);
      }
      for (const key of changed) for (const cell of cells.get(key) ?? []) cell.read(newest.get(key));
    },
  };
};

const isLateCopy = (change: SettingChange, newest: SettingChange | undefined): boolean =>
  newest !== undefined && change.version < newest.version && change.occurredAt <= newest.occurredAt;

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
