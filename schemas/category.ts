/** `Home / Lighting/` and `home/lighting` are the same place. */
export const normaliseCategory = (path: string): string =>
  path
    .split('/')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '')
    .join('/');
