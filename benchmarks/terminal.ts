/** What a benchmark shows while it runs and when it is done. */

export type Column = { title: string; right?: boolean };

export const table = (columns: readonly Column[], rows: readonly (readonly string[])[]): string => {
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) =>
        columns[at]?.right ? cell.padStart(widths[at] as number) : cell.padEnd(widths[at] as number),
      )
      .join('  ')
      .trimEnd();
  return [
    line(columns.map(({ title }) => title)),
    widths.map((width) => '─'.repeat(width)).join('──'),
    ...rows.map(line),
  ].join('\n');
};

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** `share` (0 to 1) of `width` cells. */
export const bar = (share: number, width: number): string => {
  const filled = Math.max(0, Math.min(1, share)) * width * 8;
  return '█'.repeat(Math.floor(filled / 8)) + (eighths[Math.round(filled) % 8] ?? '');
};

export const thousands = (value: number): string => Math.round(value).toLocaleString('en-US');

/** A line that is drawn over itself on a terminal, and now and then where there is none. */
export const progressLine = (label: string) => {
  const interactive = process.stdout.isTTY === true;
  let shownAtMs = 0;
  return {
    update: (share: number, detail: string): void => {
      const nowMs = performance.now();
      if (nowMs - shownAtMs < (interactive ? 100 : 10_000)) return;
      shownAtMs = nowMs;
      const text = `  ${label.padEnd(24)} ${bar(share, 30).padEnd(30, '·')} ${detail}`;
      process.stdout.write(interactive ? `\r${text}\x1b[K` : `${text}\n`);
    },
    done: (detail: string): void => {
      process.stdout.write(
        `${interactive ? '\r' : ''}  ${label.padEnd(24)} ${detail}${interactive ? '\x1b[K' : ''}\n`,
      );
    },
  };
};
