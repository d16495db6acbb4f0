import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { runtimeOf } from './runtime.js';

/**
 * Builds `web/` into `dist/web`: once for each content of `web/` and of the lock file, whose hash lies in the result.
 * Every file that is text gets a `.br` and a `.gz` beside it, so that no request waits for a compression.
 */
export async function buildWeb(root) {
  if (!existsSync(join(root, 'web', 'vite.config.ts'))) return { isBuilt: false };
  const hash = await contentHash(root);
  const output = join(root, 'dist', 'web');
  const built = await readFile(join(output, marker), 'utf8').catch(() => '');
  if (built.trim() === hash) return { isBuilt: false };

  // Built beside and renamed, because another set-up may build at the same time and a gateway may read the old one.
  const fresh = join(root, 'dist', `web-${process.pid}`);
  await mkdir(join(root, 'dist'), { recursive: true });
  try {
    await vite(root, fresh);
    await compressAll(fresh);
    await writeFile(join(fresh, marker), `${hash}\n`);
    const old = `${fresh}-old`;
    await rename(output, old).catch(() => {});
    // Somebody else's build may have come first: it is of the same sources.
    await rename(fresh, output).catch(() => {});
    await rm(old, { recursive: true, force: true });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return { isBuilt: true };
}

const marker = '.built-from';
const compressed = /\.(html|js|css|svg|json)$/;

async function contentHash(root) {
  const entries = await readdir(join(root, 'web'), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .concat(join(root, 'package-lock.json'))
    .sort();
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(await readFile(file))
      .update('\0');
  return hash.digest('hex');
}

function vite(root, outDir) {
  return new Promise((resolve, reject) => {
    const args = ['build', '--config', 'web/vite.config.ts', '--outDir', outDir, '--logLevel', 'warn'];
    // Vite needs a newer Node.js than the one that may have begun this.
    const child = spawn(runtimeOf(root), [join(root, 'node_modules/vite/bin/vite.js'), ...args], {
      cwd: root,
      // Set in images and by some test runners; a development build of React is several times larger.
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        said = (said + chunk).slice(-8192);
      });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`the web pages do not build:\n${said.trim()}`)),
    );
  });
}

async function compressAll(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const toBrotli = promisify(brotliCompress);
  const toGzip = promisify(gzip);
  await Promise.all(
    entries
      .filter((entry) => entry.isFile() && compressed.test(entry.name))
      .map(async (entry) => {
        const file = join(entry.parentPath ?? entry.path, entry.name);
        const content = await readFile(file);
        const params = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
        await writeFile(`${file}.br`, await toBrotli(content, { params }));
        await writeFile(`${file}.gz`, await toGzip(content, { level: 9 }));
      }),
  );
}
