/** For maintainers, after a change of version: downloads every artifact set and writes its sizes and checksums. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Manifest, manifestPath, sha256 } from './checksums.js';
import { artifactSets, copyByMaven } from './maven.js';

const manifest: Manifest = {};
for (const [name, set] of Object.entries(artifactSets)) {
  const dir = mkdtempSync(join(tmpdir(), 'cartstream-manifest-'));
  await copyByMaven('mvn', set, dir, 1, 0, () => {}, new AbortController().signal);
  const files = readdirSync(dir).sort();
  manifest[name] = {};
  for (const file of files) {
    manifest[name][file] = { bytes: statSync(join(dir, file)).size, sha256: await sha256(join(dir, file)) };
  }
  rmSync(dir, { recursive: true });
  console.log(`${name}: ${files.length} files`);
}
writeFileSync(manifestPath, `${JSON.stringify(manifest, undefined, 2)}\n`);
