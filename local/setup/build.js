import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Compiles TypeScript to `dist/`, file by file and never bundled, so that stack traces and source maps match the tree.
 * An output has the modification time of its source; if they are equal, the file is up to date.
 */
const folders = [
  'platform',
  'recommenders',
  'schemas',
  'services',
  'stream-jobs',
  'local',
  'benchmarks',
  'scripts',
];

export async function build(root) {
  const sources = [];
  for (const folder of folders) sources.push(...(await typescriptIn(root, folder)));
  const stale = [];
  for (const source of sources) {
    const modifiedAt = await staleSince(root, source);
    if (modifiedAt) stale.push({ source, modifiedAt });
  }
  if (stale.length > 0) await compileAll(root, stale);
  const removed = await removeOrphans(root, new Set(sources));
  return { compiled: stale.length, removed };
}

const outputOf = (root, source) => join(root, 'dist', source.replace(/\.ts$/, '.js'));

/** The source's modification time when its output is missing or of another time, else undefined. */
async function staleSince(root, source) {
  const { mtime, mtimeMs } = await stat(join(root, source));
  const output = await stat(outputOf(root, source)).catch(() => undefined);
  return output && Math.abs(output.mtimeMs - mtimeMs) < 1 ? undefined : mtime;
}

async function compileAll(root, stale) {
  const esbuild = await import('esbuild');
  const compile = async ({ source, modifiedAt }) => {
    const output = outputOf(root, source);
    const result = await esbuild.transform(await readFile(join(root, source), 'utf8'), {
      loader: 'ts',
      format: 'esm',
      target: 'node22',
      sourcefile: join(root, source),
      sourcemap: 'external',
    });
    await mkdir(dirname(output), { recursive: true });
    await replace(`${output}.map`, result.map);
    await replace(output, `${result.code}//# sourceMappingURL=${basename(output)}.map\n`, modifiedAt);
  };
  await Promise.all(stale.map(compile));
  // Otherwise esbuild's service would run as long as the launcher.
  await esbuild.stop();
}

async function typescriptIn(root, folder) {
  const entries = await readdir(join(root, folder), { recursive: true }).catch(() => []);
  return entries
    .filter(
      (name) => name.endsWith('.ts') && !/(\.test|\.d)\.ts$/.test(name) && !name.includes('node_modules'),
    )
    .map((name) => join(folder, name));
}

/**
 * Writes under a temporary name and renames, so that a process that starts meanwhile reads the old file or the new one.
 */
async function replace(file, content, modifiedAt) {
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, content);
  if (modifiedAt) await utimes(temporary, modifiedAt, modifiedAt);
  await rename(temporary, file);
}

async function removeOrphans(root, sources) {
  let removed = 0;
  for (const folder of folders) {
    const entries = await readdir(join(root, 'dist', folder), { recursive: true }).catch(() => []);
    for (const name of entries) {
      if (!/\.js(\.map)?$/.test(name)) continue;
      const source = join(folder, name.replace(/\.js(\.map)?$/, '.ts'));
      if (sources.has(source)) continue;
      await rm(join(root, 'dist', folder, name), { force: true });
      removed++;
    }
  }
  return removed;
}
