type Cell = string | number | null | undefined;

/** A cell that a spreadsheet would take for a formula gets an apostrophe before it. */
const cell = (value: Cell): string => {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export const csvOf = (columns: readonly string[], rows: readonly (readonly Cell[])[]): string =>
  [columns, ...rows].map((row) => row.map(cell).join(',')).join('\r\n');

/** Saves exactly what is on the screen; the name says what it is and up to when it is complete. */
export const saveCsv = (
  name: string,
  asOf: string,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): void => {
  const url = URL.createObjectURL(new Blob([csvOf(columns, rows)], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${name}-as-of-${asOf.replaceAll(':', '-')}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
};
