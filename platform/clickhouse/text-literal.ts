/** A text as ClickHouse reads it in a statement. Where a statement can have parameters, take those. */
export const textLiteral = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
