import { build } from './build.js';
import { installDependencies } from './dependencies.js';
import { buildWeb } from './web.js';

export async function setUp(root) {
  await installDependencies(root);
  const startedAt = performance.now();
  const elapsedMs = () => Math.round(performance.now() - startedAt);
  const [{ compiled }, { isBuilt }] = await Promise.all([build(root), buildWeb(root)]);
  const built = [...(compiled > 0 ? [`${compiled} files`] : []), ...(isBuilt ? ['the web pages'] : [])];
  if (built.length > 0) console.log(`built ${built.join(' and ')} in ${elapsedMs()} ms`);
}
