import { build } from './build.js';
import { installDependencies } from './dependencies.js';
import { buildWeb } from './web.js';

export async function setUp(root) {
  await installDependencies(root);
  const startedAt = performance.now();
  const elapsedMs = () => Math.round(performance.now() - startedAt);
  const [{ compiled }, { isBuilt }] = await Promise.all([build(root), buildWeb(root)]);
  if (compiled > 0) console.log(`built ${compiled} files in ${elapsedMs()} ms`);
  if (isBuilt) console.log(`built the web pages in ${elapsedMs()} ms`);
}
