import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * TypeScript → `dist/`, file by file and never bundled, so that a stack trace, a source map and the tree agree. An
 * output carries the modification time of its source: equal times mean that nothing is to be done.
 */
const folders = ['platform', 'schemas', 'services', 'stream-jobs', 'local', 'benchmarks', 'scripts'];

export async function build(root) {
  const { transform } = await import('esbuild');
  const sources = new Set();
  let compiled = 0;

  const compile = async (source) => {
    const output = join(root, 'dist', source.replace(/\.ts$/, '.js'));
    const { mtime, mtimeMs } = await stat(join(root, source));
    const previous = await stat(output).catch(() => undefined);
    if (previous && Math.abs(previous.mtimeMs - mtimeMs) < 1) return;
    const result = await transform(await readFile(join(root, source), 'utf8'), {
      loader: 'ts',
      format: 'esm',
      target: 'node20',
      sourcefile: join(root, source),
      sourcemap: 'external',
    });
    await mkdir(dirname(output), { recursive: true });
    const map = `//# sourceMappingURL=${output.split('/').pop()}.map\n`;
    await replace(`${output}.map`, result.map);
    await replace(output, result.code + map, mtime);
    compiled++;
  };

  for (const folder of folders) {
    for (const source of await typescriptIn(root, folder)) sources.add(source);
  }
  await Promise.all([...sources].map(compile));
  const removed = await removeOrphans(root, sources);
  return { compiled, removed };
}

async function typescriptIn(root, folder) {
  const entries = await readdir(join(root, folder), { recursive: true }).catch(() => []);
  return entries
    .filter(
      (name) => name.endsWith('.ts') && !/(\.test|\.d)\.ts$/.test(name) && !name.includes('node_modules'),
    )
    .map((name) => join(folder, name));
}

/** Through a temporary name, so that a process that starts meanwhile reads the old file or the new one. */
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
