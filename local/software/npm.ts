import { installsHere } from '#setup/dependencies';
import { runToEnd } from '../engines/run-to-end.js';

/** Installs a package into `dir/node_modules`, whatever npm's own configuration says, and runs no script of it. */
export const installFromNpm = (packageName: string, dir: string, signal: AbortSignal): Promise<string> =>
  runToEnd(['npm', 'install', '--prefix', dir, '--ignore-scripts', ...installsHere, packageName], { signal });
