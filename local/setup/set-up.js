import { build } from './build.js';
import { installDependencies } from './dependencies.js';

export async function setUp(root) {
  await installDependencies(root);
  const startedAt = performance.now();
  const { compiled } = await build(root);
  if (compiled > 0) console.log(`built ${compiled} files in ${Math.round(performance.now() - startedAt)} ms`);
}
