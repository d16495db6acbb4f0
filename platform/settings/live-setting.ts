import type { z } from 'zod';

/**
 * A setting that administrators change while its users run. It is declared once, beside the code that uses it, and
 * gathered in a list for the service that accepts changes.
 */
export type LiveSetting<T = unknown> = {
  /** Unique among all settings, such as `limits.orders`. */
  key: string;
  /** The type and the bounds of a value. */
  schema: z.ZodType<T>;
  /** What one of the value's pieces is, such as `milliseconds`. */
  unit: string;
  description: string;
  default: T;
  /** An environment variable that replaces the default; `read` gets its text, undefined where it is not set. */
  environment?: { variable: string; read(text: string | undefined): T };
};

/** The contents of the event that reports a change. A null value sets the default again. */
export type SettingChange = {
  key: string;
  /** Counts the changes of the setting from 1. */
  version: number;
  /** JSON. */
  value: string | null;
  /** Epoch milliseconds. */
  occurredAt: number;
};
