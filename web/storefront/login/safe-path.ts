/**
 * Only a path of this shop: an address of elsewhere would send a new login away. Browsers read `/\` as `//`, and leave out
 * tabs and ends of lines.
 */
export const safePath = (path: string | undefined): string =>
  path !== undefined && /^\/(?![/\\])[^\t\n\r]*$/.test(path) ? path : '/';
