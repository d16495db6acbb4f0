const steps: readonly [unit: Intl.RelativeTimeFormatUnit, ms: number][] = [
  ['year', 31_557_600_000],
  ['month', 2_629_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];

const relative = new Intl.RelativeTimeFormat('en-GB', { numeric: 'auto' });

/** `3 minutes ago`, in the largest unit that fits. */
export const ago = (time: string | number | Date, nowMs = Date.now()): string => {
  const elapsedMs = new Date(time).getTime() - nowMs;
  const [unit, ms] = steps.find(([, each]) => Math.abs(elapsedMs) >= each) ?? ['second', 1000];
  return relative.format(Math.round(elapsedMs / ms), unit);
};

/** `412 ms`, `3.4 s`, `6 min`, `2 h 10 min`: at most three figures. */
export const formatDuration = (ms: number): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  const minutes = Math.round(ms / 60_000);
  if (ms < 172_800_000) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.round(ms / 86_400_000)} days`;
};

type TimeFormats = {
  /** `20:58`. */
  clock: Intl.DateTimeFormat;
  /** `20:58:07`. */
  second: Intl.DateTimeFormat;
  /** `28 Nov`. */
  day: Intl.DateTimeFormat;
  /** `Sat, 28 Nov, 20:58`. */
  moment: Intl.DateTimeFormat;
};

const byZone = new Map<string | undefined, TimeFormats>();

/** How times of a zone are written, of the browser's own without one. Made once: a format costs more than its use. */
export const timeFormats = (timeZone?: string): TimeFormats => {
  const known = byZone.get(timeZone);
  if (known !== undefined) return known;
  const made = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { ...(timeZone === undefined ? {} : { timeZone }), ...options });
  const time = { hour: '2-digit', minute: '2-digit' } as const;
  const day = { day: 'numeric', month: 'short' } as const;
  const formats = {
    clock: made(time),
    second: made({ ...time, second: '2-digit' }),
    day: made(day),
    moment: made({ weekday: 'short', ...day, ...time }),
  };
  byZone.set(timeZone, formats);
  return formats;
};
