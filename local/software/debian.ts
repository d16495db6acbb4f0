import { existsSync } from 'node:fs';
import { runToEnd } from '../engines/run-to-end.js';
import type { InstallContext } from './cache.js';

/** Installs a package without asking, but only as root on Debian and its derivatives. */
export const installByApt = async (packageName: string, context: InstallContext): Promise<boolean> => {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  await context.progress.step(`install ${packageName} (apt-get)`, async (detail) => {
    const apt = (...args: string[]): Promise<string> =>
      runToEnd(['apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=120', ...args], {
        env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
      });
    const install = (): Promise<string> => apt('install', '--no-install-recommends', packageName);
    await install().catch(async () => {
      detail('reads the package lists');
      await apt('update');
      await install();
    });
  });
  return true;
};

/** One line for a package that only the user can install. */
export const needed = (what: string, packageName: string): Error =>
  new Error(`${what} is needed; install it with: sudo apt-get install ${packageName}`);
