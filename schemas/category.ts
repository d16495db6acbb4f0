/** The normal form of a category path: `Home / Lighting/` becomes `home/lighting`. */
export const normaliseCategory = (path: string): string =>
  path
    .split('/')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '')
    .join('/');
