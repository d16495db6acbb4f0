/** Text that is HTML already. */
export type Html = { readonly html: string };

/** Escapes everything that is put into it, unless it is `Html` itself. */
export const html = (
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html => ({
  html: parts.reduce((text, part, nth) => text + htmlOf(values[nth - 1] ?? '') + part),
});

const htmlOf = (value: string | number | Html | readonly Html[]): string => {
  if (Array.isArray(value)) return value.map(({ html: each }: Html) => each).join('');
  return typeof value === 'object' ? (value as Html).html : escaped(String(value));
};

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
