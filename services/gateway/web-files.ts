import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type WebFile = {
  contentType: string;
  etag: string;
  /** By the coding's name in `Accept-Encoding`; `identity` is the file itself. */
  codings: Readonly<Partial<Record<Coding, Buffer>> & { identity: Buffer }>;
  /** The name contains a hash of the content, so that it never changes. */
  isImmutable: boolean;
};

export type Coding = 'br' | 'gzip' | 'identity';

const types: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
};

/**
 * Every built file of the folder by its path below it, `assets/…` among them. They are read once, at start: some
 * megabytes, and a gateway that runs keeps serving what its pages refer to while the next build replaces the folder.
 * Empty where nothing is built.
 */
export const readWebFiles = (folder: string): ReadonlyMap<string, WebFile> => {
  const files = new Map<string, WebFile>();
  for (const path of namesIn(folder)) {
    const contentType = types[path.slice(path.lastIndexOf('.') + 1)];
    if (contentType === undefined) continue;
    const identity = readFileSync(join(folder, path));
    const br = readIfThere(join(folder, `${path}.br`));
    const gzip = readIfThere(join(folder, `${path}.gz`));
    files.set(path, {
      contentType,
      etag: `"${createHash('sha256').update(identity).digest('base64url').slice(0, 22)}"`,
      codings: { identity, ...(br && { br }), ...(gzip && { gzip }) },
      isImmutable: path.startsWith('assets/'),
    });
  }
  return files;
};

const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
};

const readIfThere = (file: string): Buffer | undefined => {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
};

/** The smallest coding that the caller takes. A coding with `q=0` is refused by the caller. */
export const codingFor = (accepted: string | undefined, { codings }: Pick<WebFile, 'codings'>): Coding => {
  const taken = new Set(
    (accepted ?? '')
      .slice(0, 500)
      .toLowerCase()
      .split(',')
      .map((each) => each.trim().split(/\s*;\s*/))
      .filter(([, weight]) => !/^q=0(\.0*)?$/.test(weight ?? ''))
      .map(([name]) => name),
  );
  for (const coding of ['br', 'gzip'] as const)
    if (codings[coding] !== undefined && taken.has(coding)) return coding;
  return 'identity';
};
