/** The normal form of a category path: `Home / Lighting/` becomes `home/lighting`. */
export const normaliseCategory = (path: string): string =>
  path
    .split('/')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '')
    .join('/');

/** What a text must match to name a category, with what is said of one that does not: `/` names none. */
export const namesCategory = [/[^\s/]/, 'must name a category'] as const;
